"""Aliases move by events: who, when, why, on what evidence; two at once, rollbacks, retirement."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from factory import config, registry
from factory.cli import main
from factory.errors import Mistake, Unavailable
from factory.registry import door, events
from factory.registry.events import Event, predecessor
from tests.products import WORDS, products


def held(asked: config.Config) -> dict[str, str]:
    """Alias to version."""
    with registry.client(asked.registry) as ours:
        found = ours.get_registered_model(asked.registry.model).aliases
    return {alias: str(version) for alias, version in found.items()}


def past(asked: config.Config) -> list[Event]:
    with registry.client(asked.registry) as ours:
        return registry.history(ours, asked.registry.model)


def test_what_registering_gives_is_an_event(asked, register, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "anna")
    assert register("good").aliases == ("champion",)
    assert register("poor", adapter=0.12).aliases == ("candidate",)
    assert register("better", adapter=0.5).aliases == ("champion",)
    assert held(asked) == {"champion": "3", "candidate": "2"}
    first, second, third = past(asked)
    assert (first.what, first.alias, first.before, first.after, first.why) == (
        "register",
        "champion",
        None,
        "1",
        "the gate passes",
    )
    assert first.who.startswith("anna@") and first.when.endswith("+00:00") and first.outcome == "done"
    assert second.alias == "candidate" and second.why.startswith("over version 1, which holds the alias, -0.2800")
    assert (third.before, third.after) == ("1", "3") and third.evidence["gate"] == {"word": "PROMOTE", "reasons": []}
    assert third.evidence["difference"] == "+0.400000 [+0.350000, +0.450000]" and len(third.evidence["report"]) == 64


def test_registering_twice_is_once(asked, tmp_path: Path) -> None:
    made = products(tmp_path)
    both = [registry.register(made, asked, lambda *_, **__: None) for _ in range(2)]
    assert [(one.version, one.found) for one in both] == [("1", False), ("1", True)]
    assert len(past(asked)) == 1


def test_promote_roll_back_and_retire(asked, register, capsys: pytest.CaptureFixture[str]) -> None:
    for name, score in (("good", 0.4), ("poor", 0.12), ("better", 0.5)):
        register(name, adapter=score)
    words = [*WORDS, f"runtime.runs={asked.runtime.runs}"]

    def says(*verb: str) -> tuple[int, str]:
        code, said = main([*verb, *words]), capsys.readouterr()
        return code, (said.out + said.err).strip().removeprefix("factory: ")

    model = "factory.sql.tiny"
    code, line = says("promote", "candidate")
    assert code == 2 and line.startswith(f"{model} version 2: the gate said no: over version") and "--why" in line
    assert says("promote", "2", "--why", "rows=4 are few, it is right") == (
        0,
        f"{model} version 2 holds champion, before it version 3",
    )
    assert held(asked) == {"champion": "2"}
    assert (
        past(asked)[-1].why == "rows=4 are few, it is right" and past(asked)[-1].evidence["gate"]["word"] != "PROMOTE"
    )
    assert says("promote", "2") == (2, f"{model} version 2: holds champion already")
    assert (
        says("promote", "2", "--to", "candidate")[1]
        == f"{model} version 2: holds champion - promote another, or roll back, first"
    )
    assert says("retire", "champion")[1] == f"{model} version 2: holds champion - promote another, or roll back, first"
    assert says("rollback", "--why", "no") == (0, f"{model} version 3 holds champion, before it version 2")
    assert says("rollback") == (0, f"{model} version 1 holds champion, before it version 3")
    assert says("rollback")[1].startswith(f"{model}@champion: no version held it before version 1 - promote another")
    assert says("promote", "3", "--to", "challenger") == (0, f"{model} version 3 holds challenger, before it nobody")
    assert says("retire", "challenger", "--why", "old") == (0, f"{model} version 3 is retired")
    assert held(asked) == {"champion": "1"}
    assert says("promote", "3")[1] == f"{model} version 3: is retired - promote another: factory registry shows them"
    assert says("retire", "3")[1] == f"{model} version 3: is retired already"
    assert says("promote", "9")[1] == f"{model} version 9: no such version - have: 1, 2, 3"
    assert says("promote", "challenger")[1] == f"{model}@challenger: no version holds this alias - have: champion"
    assert says("promote", "1", "--to", "boss")[1].startswith(
        "--to boss: no such alias - have: champion, challenger, candidate"
    )
    assert says("promote")[1].startswith("promote: which version?")
    assert main(["promote", "1", *words, "--why"]) == 2
    assert "promote --why: has no value" in capsys.readouterr().err
    assert says("retire", "1", "--wy", "x")[1].startswith("--wy: no such option - did you mean '--why'?")
    assert says("report", "--jsn")[1].startswith("--jsn: no such option - did you mean '--json'?")
    assert [one.what for one in past(asked)] == ["register"] * 3 + [
        "promote",
        "rollback",
        "rollback",
        "promote",
        "retire",
    ]


def test_two_promotions_at_once_leave_one_champion_and_two_events(
    asked, register, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two", "three"):
        register(name, adapter=0.4)
    from threading import Barrier

    both, real = Barrier(2), door.writing

    def together(*words):
        both.wait(30)  # each has seen who holds it; now they write
        return real(*words)

    monkeypatch.setattr(events, "writing", together)

    def promote(number: str) -> str:
        try:
            return registry.promote(asked.registry, number, "champion", "").outcome
        except Unavailable as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(promote, ("1", "2")))
    champion = held(asked)["champion"]
    assert said == [
        "done",
        f"factory.sql.tiny@champion: moved to version {champion} while this was asked - "
        "look at `factory registry`, then ask again",
    ]
    assert sorted(one.outcome for one in past(asked)[3:]) == ["done", f"overtaken by version {champion}"]


def test_one_that_knows_no_lock_is_found_afterwards(asked, register, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine, through a server, moves the alias right after us."""
    for name in ("one", "two", "three"):
        register(name, adapter=0.4)
    from mlflow import MlflowClient

    real = MlflowClient.set_registered_model_alias

    def both(self, model, alias, version):
        real(self, model, alias, version)
        real(self, model, alias, "1")

    monkeypatch.setattr(MlflowClient, "set_registered_model_alias", both)
    with pytest.raises(Unavailable, match="moved to version 1 while this was asked"):
        registry.promote(asked.registry, "2", "champion", "")
    assert past(asked)[-1].outcome == "overtaken by version 1"


def test_a_kill_between_event_and_alias_leaves_no_half_move(asked, register, monkeypatch: pytest.MonkeyPatch) -> None:
    register("one", adapter=0.4)
    register("two", adapter=0.5)
    from mlflow import MlflowClient

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_registered_model_alias", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            registry.promote(asked.registry, "1", "champion", "")
    assert held(asked) == {"champion": "2"} and past(asked)[-1].outcome == "begun"
    assert registry.promote(asked.registry, "1", "champion", "").outcome == "done"
    assert registry.rollback(asked.registry, "").after == "2"


def event(what: str, before: str | None, after: str, outcome: str = "done") -> Event:
    return Event("", "", what, "champion", before, after, "", {}, outcome)


@pytest.mark.parametrize(
    ("events", "now", "there", "wanted"),
    [
        ([], "1", "1", None),
        ([event("register", None, "1")], "1", "1", None),
        ([event("register", None, "1"), event("promote", "1", "2")], "2", "12", "1"),
        ([event("register", "5", "6")], "6", "56", "5"),
        ([event("register", None, "1"), event("promote", "1", "2"), event("promote", "2", "3")], "3", "13", "1"),
        ([event("register", None, "1"), event("promote", "1", "2")], "7", "127", "2"),
        ([event("register", None, "1"), event("promote", "1", "2", "overtaken by version 3")], "1", "12", None),
        (
            [event("promote", None, "1"), event("promote", "1", "2", "begun"), event("promote", "2", "2")],
            "2",
            "12",
            "1",
        ),
    ],
)
def test_who_held_it_before(events: list[Event], now: str, there: str, wanted: str | None) -> None:
    assert predecessor(events, "champion", now, set(there)) == wanted


def test_a_reason_has_an_end(asked, register) -> None:
    register("one", adapter=0.12)
    with pytest.raises(Mistake, match="1001 characters, at most 1000"):
        registry.promote(asked.registry, "1", "challenger", "x" * 1001)
