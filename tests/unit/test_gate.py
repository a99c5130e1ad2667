"""The gate: every planted fault is refused for its own reason, and evidence decides between yes, no and not yet."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from factory import gate
from factory.config import load
from factory.forecast import proving
from factory.gate import Champion, Finding, Verdict
from factory.records import Score
from factory.rows import read_exam, write_jsonl
from factory.specialist import find
from factory.stages.evaluate import side_by_side
from factory.stages.sitting import Answered
from tests.planted import ASKED, EXAM, HONEST, OWN, WORDS, Plant, answers, judged, refusals, tensors


def test_a_version_with_nothing_wrong_is_promoted(plant: Plant) -> None:
    verdict = judged(plant())
    assert (verdict.word, verdict.passed, verdict.reasons) == ("PROMOTE", True, ())
    assert {one.check for one in verdict.findings} >= {"exam rows", "better than the base", "contract", "outer factors"}


# --- planted faults ---------------------------------------------------------------------------------------------------


def renamed() -> dict[str, np.ndarray]:
    return {name.replace("base_model.model.", "base_model."): values for name, values in tensors().items()}


def doubled() -> dict[str, np.ndarray]:
    """The name that an adapter has inside a model, in a file: PEFT would say it twice."""
    return {name.replace(".weight", ".default.weight"): values for name, values in tensors().items()}


def elsewhere() -> dict[str, np.ndarray]:
    return {name.replace("q_proj", "k_proj"): values for name, values in tensors().items()}


FAULTS: dict[str, tuple[dict[str, Any], set[str], str]] = {
    "inert": (
        {"weights": tensors(**{OWN[1]: np.zeros((8, 4), "f4")}), "alive": 0.0},
        {"moves the logits", "outer factors"},
        "every outer factor (B) is zero: the adapter is inert",
    ),
    "inert, and the report says otherwise": (
        {"weights": tensors(**{OWN[1]: np.zeros((8, 4), "f4")})},
        {"outer factors"},
        "every outer factor (B) is zero",
    ),
    "no number": (
        {"weights": tensors(**{OWN[0]: np.full((4, 8), np.nan, "f4")})},
        {"finite"},
        "hold what is no number",
    ),
    "renamed": ({"weights": renamed()}, {"names as PEFT loads them"}, "2 of 2 tensors have names that PEFT loads onto"),
    "named twice": (
        {"weights": doubled()},
        {"names as PEFT loads them"},
        "2 of 2",
    ),
    "on other layers than it says": ({"weights": elsewhere()}, {"names as PEFT loads them"}, "k_proj.lora_A.weight"),
    "without its inner factor": (
        {"weights": {OWN[1]: np.ones((8, 4), "f4")}},
        {"names as PEFT loads them"},
        "1 of 1 tensors",
    ),
    "another base": (
        {"contract": {"base_weights": "0" * 64}},
        {"contract"},
        "the contract's base_weights: trained on 000",
    ),
    "another tokenizer": (
        {"contract": {"tokenizer": "1" * 64}},
        {"contract"},
        "the contract's tokenizer: trained on 111",
    ),
    "another quantisation": (
        {"contract": {"quantisation": {"kind": "none"}}},
        {"contract"},
        "the contract's quantisation: trained on",
    ),
    "other weights than listed": (
        {"contract": {"shapes": {OWN[0]: [4, 9], OWN[1]: [8, 4]}}},
        {"contract"},
        "the contract's shapes: the weights are not those of the contract",
    ),
    "a family of the exam": (
        {"kept": [*HONEST, replace(HONEST[0], id="leak", family=EXAM[0].family)]},
        {"exam families apart"},
        f"families of the exam are in the training data: {EXAM[0].family}",
    ),
    "a row of the exam under another family": (
        {"kept": [*HONEST, replace(EXAM[3], id="leak", family="honest", state=None)]},
        {"exam rows apart"},
        "1 training rows nearly are rows of the exam (text of the exam): leak",
    ),
    "the schema of an exam row in other words": (
        {"kept": [*HONEST, replace(HONEST[0], id="leak", state=EXAM[3].state)]},
        {"exam rows apart"},
        "of the exam): leak",
    ),
    "trained on the exam": (
        {"kept": [replace(row, id=f"leak {i}") for i, row in enumerate(EXAM[:40])]},
        {"exam families apart"},
        "families of the exam are in the training data",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_refused_for_its_own_reason(name: str, plant: Plant) -> None:
    planted, checks, reason = FAULTS[name]
    verdict = judged(plant(**planted))
    assert verdict.word == "REJECT" and refusals(verdict) == checks
    assert any(reason in said for said in verdict.reasons), verdict.reasons


def test_the_exam_among_replayed_conversations_is_refused(plant: Plant, tmp_path: Path) -> None:
    path = tmp_path / "others.jsonl"
    turns = [*EXAM[3].messages, {"role": "assistant", "content": EXAM[3].answer}]
    write_jsonl(path, [{"messages": [{"role": "user", "content": "hello"}]}, {"messages": turns}])
    verdict = judged(plant(), "train=replay", f"train.replay.file={path}")
    assert refusals(verdict) == {"exam rows apart"} and verdict.reasons[0].endswith(": replay line 2")


def test_a_looser_filter_does_not_loosen_the_gate(plant: Plant) -> None:
    planted = plant(kept=[*HONEST, replace(EXAM[3], id="leak", family="honest", state=None)])
    assert judged(planted, "~filter.contamination").word == "REJECT"
    assert judged(planted, "registry.gate.contamination.threshold=0.999999").word == "REJECT"


MONEY = "registry.gate.cost_per_1000=0.2"


@pytest.mark.parametrize(
    ("budget", "says", "reason"),
    [
        ("registry.gate.mib=0.001", "REJECT", "0.003906 MiB, at most 0.001 wanted"),
        ("registry.gate.tokens_per_answer=1", "REJECT", "2 tokens an answer, at most 1 wanted"),
        ("registry.gate.seconds_per_answer=0.2", "REJECT", "0.5 seconds an answer, at most 0.2 wanted"),
        ("registry.gate.seconds_per_answer=0.6", "PROMOTE", ""),
        (f"{MONEY} runtime.price_per_hour=1.8", "REJECT", "0.25 money for 1,000 answers, at most 0.2 wanted"),
        (f"{MONEY} runtime.price_per_hour=1.4", "PROMOTE", ""),
        (MONEY, "HOLD", "no price for a budget of money: set runtime.price_per_hour"),
        ("registry.gate.mib=null", "PROMOTE", ""),
    ],
)
def test_a_budget_is_kept(budget: str, says: str, reason: str, plant: Plant) -> None:
    verdict = judged(plant(), *budget.split())
    assert verdict.word == says and "; ".join(verdict.reasons) == reason


def test_a_figure_that_the_report_lacks_is_no_yes(plant: Plant) -> None:
    planted = plant()
    (planted["report"].folder / "facts.json").write_text("{}")
    verdict = judged(planted, "registry.gate.cost_per_1000=9", "runtime.price_per_hour=1")
    assert verdict.word == "HOLD" and verdict.reasons[0].startswith("the report does not say its money")
    verdict = judged(planted, "registry.gate.seconds_per_answer=9")
    assert verdict.word == "HOLD" and verdict.reasons[0].endswith("evaluate again")


# --- evidence ---------------------------------------------------------------------------------------------------------


def test_a_small_exam_holds(plant: Plant) -> None:
    few = [row for row in answers(lambda i: 0, lambda i: 1) if row["family"] in {EXAM[0].family, EXAM[-1].family}]
    verdict = judged(plant(few))
    assert verdict.word == "HOLD"
    assert verdict.reasons[0] == f"{len(few)} exam rows, at least 100 wanted"
    assert verdict.reasons[1].endswith("exam families, at least 6 wanted")


def test_worse_than_the_base_is_rejected(plant: Plant) -> None:
    verdict = judged(plant(answers(lambda i: i % 2, lambda i: i % 8 == 1)))
    assert verdict.word == "REJECT" and "all of it below +0" in verdict.reasons[0]


def test_a_lead_that_may_be_chance_holds_and_says_how_many_rows_would_tell(plant: Plant) -> None:
    """18 rows gained, 9 lost: +0.0257, and the interval begins at -0.0014."""
    verdict = judged(plant(answers(lambda i: i % 10 < 3, lambda i: (i % 10 < 3 or i % 20 == 5) and i % 40 != 1)))
    assert verdict.word == "HOLD" and refusals(verdict) == {"better than the base"}
    assert "families would tell (80% power)" in verdict.reasons[0]


def test_no_lead_at_all_holds_and_says_what_the_exam_could_see(plant: Plant) -> None:
    verdict = judged(plant(answers(lambda i: 0, lambda i: 0)))
    assert verdict.word == "HOLD"
    assert "no number of rows would tell if that is all; this exam sees +0.09" in verdict.reasons[0]


def test_a_tag_is_never_taken_for_the_family() -> None:
    """Medical's rows have a tag of that name: the gate counted two families, yes and no, where there are eight."""
    answered = Answered("a", 1, True, Score(1.0))
    for name in ("sql", "medical", "creative"):
        rows = read_exam(find(name).exam)
        flat = [side_by_side(row, answered, answered) for row in rows]
        assert [one["family"] for one in flat] == [row.family for row in rows]
        assert [one["gold"] for one in flat] == [row.answer for row in rows]
        if name == "medical":
            assert {one["tag_family"] for one in flat} == {"yes", "no"}


def test_tries_share_the_error(plant: Plant) -> None:
    """35 rows gained, 18 lost: enough for one try or three, too little for ten."""
    planted = plant(answers(lambda i: i % 10 < 3, lambda i: (i % 10 < 3 or i % 10 == 5) and i % 20 != 1), tries=3)
    alone, three, many = (judged(planted, f"registry.gate.tries={n}") for n in (1, "null", 400))
    found = [next(one for one in v.findings if one.check == "better than the base") for v in (alone, three, many)]
    assert found[0].number > found[1].number > found[2].number
    assert (alone.word, many.word) == ("PROMOTE", "HOLD") and "for 400 tries" in many.reasons[0]
    assert judged(planted, before=7).findings == judged(planted, "registry.gate.tries=10").findings


def test_one_try_has_the_interval_of_the_report(plant: Plant) -> None:
    from factory.stats import paired_bootstrap

    planted, asked = plant(), load(list(WORDS))
    rows = answers(lambda i: i % 5 == 0, lambda i: i % 2 == 0)
    scores = ([row[f"{side}_score"] for row in rows] for side in ("base", "adapter"))
    theirs = paired_bootstrap(*scores, [row["family"] for row in rows], asked.evaluate.bootstrap, 0.95, asked.seed)
    found = next(one for one in judged(planted).findings if one.check == "better than the base")
    assert found.number == theirs.low


def champion(score: Callable[[int], float], exam: str = "this exam") -> Champion:
    return Champion("7", exam, {row.id: float(score(i)) for i, row in enumerate(EXAM)})


NAME = "not worse than the champion"


@pytest.mark.parametrize(
    ("held", "word", "reason"),
    [
        (champion(lambda i: i % 5 == 0), "PROMOTE", ""),
        (champion(lambda i: i % 2 == 0), "PROMOTE", ""),
        (champion(lambda i: i % 8 != 0), "REJECT", "over version 7, which holds the alias, "),
        (champion(lambda i: i % 2 == 0 or i % 10 == 1), "REJECT", "all of it below -0.02"),
        (champion(lambda i: i % 2 == (i % 7 == 0)), "HOLD", "must start above -0.02"),
        (champion(lambda i: 1, "another exam"), "PROMOTE", ""),
        (Champion("7", "this exam", {"gone": 1.0}), "HOLD", "shares no exam row with version 7"),
    ],
    ids=["better", "equal", "worse", "a little worse", "as good as chance", "another exam", "other rows"],
)
def test_a_champion_stays_unless_the_new_one_is_not_worse(held: Champion, word: str, reason: str, plant: Plant) -> None:
    verdict = judged(plant(), champion=held)
    assert verdict.word == word and refusals(verdict) <= {NAME}
    assert reason in "; ".join(verdict.reasons)


def test_a_null_adapter_is_promoted_by_chance_only() -> None:
    """100 whole gates; a thousand on every shipped exam: tests/contract/check_gate.py."""
    from tests.contract.check_gate import World, gates, promoted

    families = [sum(row.family == name for row in EXAM) for name in sorted({row.family for row in EXAM})]
    said = gates(World("sql", families, 0.2, 0.2, 0.3), 100)
    assert said.total() == 100 and {"HOLD", "REJECT", "PROMOTE"} >= set(said)
    assert promoted(said)[1] <= 0.05, said


def test_a_better_adapter_would_be_seen_by_the_same_gates() -> None:
    """So that the one above can fail: with a lead of 25 points nearly all of them promote."""
    from tests.contract.check_gate import World, gates

    families = [sum(row.family == name for row in EXAM) for name in sorted({row.family for row in EXAM})]
    assert gates(World("sql", families, 0.2, 0.45, 0.1), 10)["PROMOTE"] >= 8


def test_a_plan_says_what_the_exam_can_see() -> None:
    assert proving(ASKED) == (
        "exam: 350 rows of 34 families, as much as 230 independent rows; a lead of 9.5 points would be seen with 80% power "
        "(assumed: spread 0.5, correlation within a family 0.05)"
    )
    assert "exam: 24 rows of " in proving(load([*WORDS, "profile=smoke"]))


# --- the verdict, stored and said -------------------------------------------------------------------------------------


def test_a_verdict_is_read_as_it_was_written() -> None:
    verdict = gate.verdict([Finding("a", "hold", 1.5, 2.0, "unsure"), Finding("b", "reject", None, None, "against")])
    assert (verdict.word, verdict.reasons) == ("REJECT", ("against", "unsure"))
    assert gate.read(gate.written(verdict)) == verdict
    assert json.loads(gate.written(verdict))["passed"] is False


def test_a_verdict_from_before_there_were_three_words_is_read() -> None:
    assert gate.read('{"passed": true, "reasons": []}') == Verdict("PROMOTE")
    assert gate.read('{"passed": false, "reasons": ["too small"]}') == Verdict("REJECT", ("too small",))


def test_the_file_that_is_looked_at_is_the_one_that_was_made(plant: Plant) -> None:
    planted = plant()
    path = planted["adapter"].folder / "adapter/adapter_model.safetensors"
    save_file({name: values * 2 for name, values in load_file(path).items()}, path)
    with pytest.raises(Exception, match="is missing or not the file that was made"):
        judged(planted)
