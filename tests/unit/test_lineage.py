"""What is nearest to an answer, what a version made again has otherwise, and what nobody needs: the pure parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from factory import gc, reproduce
from factory.config import load, typed
from factory.errors import NotReproduced
from factory.gc import Needs
from factory.lineage import Origin, Recorded
from factory.pipeline import Step, steps
from factory.records import Example
from factory.reproduce import by_version, changes, configured, libraries, planned, unlike
from factory.store import key_of, locked
from factory.why import Answer, accounted, short, similarities

TINY = ["profile=smoke", "base=tiny"]


def row(number: int, prompt: str, answer: str) -> Example:
    return Example(str(number), ({"role": "user", "content": prompt},), answer, None, "family", split="train")


def ranked(answer: Answer, rows: list[Example], weight: float) -> list[int]:
    prompts, answers = similarities(answer, rows, 2)
    whole = (1 - weight) * prompts + weight * answers
    return sorted(range(len(rows)), key=lambda place: -whole[place])


@pytest.fixture(scope="module")
def planned_steps() -> list[Step]:
    return list(steps(load(TINY), "adapter"))


@pytest.fixture
def origin(planned_steps: list[Step]) -> Origin:
    """A version as if it had been registered from the smoke configuration, with nothing on this machine."""
    products = {
        step.made.stage: Recorded(
            step.made.stage,
            step.made.key,
            step.made.folder,
            {
                "version": step.stage.version,
                "key": step.made.key,
                "asked": step.stage.asked(step.given),
                "payload": {"file": "aa"},
            },
            {"torch": "2", "factory-slm": "0.1"},
        )
        for step in planned_steps
    }
    return Origin("factory.sql.tiny", "1", (), {}, "run", load(TINY).dump(), products, [])


# --- nearest ----------------------------------------------------------------------------------------------------------


SCHEMA = "Tables: concert ( id , name , year , stadium ) . Which concerts were after {} ?"


def test_a_made_up_word_of_the_answer_finds_the_one_row_that_says_it() -> None:
    """Hundred rows have nearly the prompt that was asked; the planted one shares nothing with it but its answer's word."""
    rows = [row(n, SCHEMA.format(1900 + n), f"SELECT name FROM concert WHERE year > {1900 + n}") for n in range(100)]
    rows.insert(40, row(100, "How are lamps counted?", "SELECT zorbleflux FROM lamps"))
    answer = Answer(SCHEMA.format(2001), "SELECT name FROM concert WHERE zorbleflux > 2001")
    assert ranked(answer, rows, 0.8)[0] == 40
    assert 40 not in ranked(answer, rows, 0.0)[:5], "by the prompt alone it would not be found"


def test_what_the_prompt_says_needs_no_training_row() -> None:
    """A word that was only copied says nothing of where the answer comes from; with no other the prompt decides."""
    rows = [row(0, "Which allergies?", "penicillin"), row(1, "Allergy : latex . Which allergies?", "latex")]
    prompts, answers = similarities(Answer("Allergy : penicillin . Which allergies?", "penicillin"), rows, 1)
    assert answers.tolist() == [0.0, 0.0]
    assert prompts[1] > prompts[0]


def test_rare_words_are_shared_among_those_that_say_them() -> None:
    """One row says a word alone, two share another, all say the third; what nobody says counts for none."""
    rows = [row(0, "a", "all only"), row(1, "b", "all pair"), row(2, "c", "all pair"), row(3, "d", "all")]
    shares = accounted(Answer("e", "only pair all nobody"), rows, 1)
    assert shares[0] > 2 * shares[1] == 2 * shares[2] > 8 * shares[3] > 0
    assert sum(shares) > 1 > shares[0], "two rows that say a word account for it both"


def test_a_text_is_cut_on_one_line() -> None:
    assert short("one\n two", 20) == "one two"
    assert short("abcdef", 4) == "abc…"


# --- made again -------------------------------------------------------------------------------------------------------


def test_the_same_configuration_is_planned_as_the_same_products(origin: Origin, tmp_path: Path) -> None:
    """The threads are those of the version; where it goes and what it may hold are the caller's."""
    asked = load([*TINY, "runtime.threads=3", "runtime.memory=900", "registry.alias=best"])
    again = configured(origin, asked, tmp_path)
    assert (again.runtime.threads, again.runtime.runs, again.runtime.memory) == (1, str(tmp_path), 900)
    assert again.registry.alias == "best"
    planned(origin, list(steps(again, "adapter")))


def test_a_key_that_there_is_no_more_is_one_line(origin: Origin, tmp_path: Path) -> None:
    old = origin.config | {"train": origin.config["train"] | {"magic": 3}}
    with pytest.raises(NotReproduced, match=r"train.magic: no such key - take the factory 0.1"):
        configured(replace(origin, config=old), load(TINY), tmp_path)


def test_a_key_that_is_new_is_one_line(origin: Origin, tmp_path: Path) -> None:
    old = origin.config | {"train": {name: one for name, one in origin.config["train"].items() if name != "steps"}}
    with pytest.raises(NotReproduced, match="train.steps: no value given"):
        configured(replace(origin, config=old), load(TINY), tmp_path)


def test_a_new_group_that_no_product_depends_on_does_no_harm(origin: Origin, tmp_path: Path) -> None:
    old = {name: one for name, one in origin.config.items() if name != "lineage"}
    assert configured(replace(origin, config=old), load(TINY), tmp_path).seed == 0


def other(step: Step, recorded: Recorded, **asked: Any) -> list[str]:
    """What differs where these things were asked otherwise then."""
    manifest = recorded.manifest | {"asked": recorded.manifest["asked"] | asked}
    return changes(step, replace(recorded, remembered=manifest), 1)


def test_what_is_asked_otherwise_is_named(planned_steps: list[Step], origin: Origin) -> None:
    step = planned_steps[0]
    recorded = origin.products["examples"]
    then = recorded.manifest["asked"]
    assert other(step, recorded, generate=then["generate"] | {"rows": 99}) == ["generate.rows is 120 and was 99"]
    assert other(step, recorded, seed=7) == ["seed is 0 and was 7"]
    (lists,) = other(step, recorded, lists="b" * 64)
    assert lists.startswith(f"lists, the content of {step.given['lists'].path}, is ") and lists.endswith(
        "was bbbbbbbbbb"
    )
    assert other(step, recorded, charm=1) == ["charm is gone among what the stage is given"]
    older = replace(recorded, remembered=recorded.manifest | {"version": 1})
    assert changes(step, older, 1) == [f"the stage has version {step.stage.version} and had 1"]


def test_the_version_of_the_specialist_is_found_by_trying(planned_steps: list[Step], origin: Origin) -> None:
    step, recorded = planned_steps[0], origin.products["examples"]
    old = replace(recorded, key=key_of(step.stage, recorded.manifest["asked"], {"specialist": 0}))
    assert by_version(step, old, 5) == "the specialist has version 5 and had 0"
    assert by_version(step, replace(recorded, key="none"), 5).endswith("its key is made otherwise")


def test_the_first_product_that_is_asked_otherwise_is_named(origin: Origin, planned_steps: list[Step]) -> None:
    changed = [replace(planned_steps[0]), *planned_steps[1:]]
    changed[1] = replace(
        changed[1],
        stage=replace(changed[1].stage, version=99),
        made=replace(changed[1].made, key="0" * 64),
    )
    with pytest.raises(NotReproduced, match="kept differs: the stage has version 99 and had"):
        planned(origin, changed)


def test_files_and_libraries_that_are_not_the_same() -> None:
    assert unlike({"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"}) == ["b", "c"]
    assert libraries({"torch": "2.1", "cpu": "x"}, {"torch": "2.2", "cpu": "x"}) == "torch is 2.2 and was 2.1"
    assert "not on record" in libraries({}, {"torch": "2"})
    assert "kept its number" in libraries({"torch": "2"}, {"torch": "2"})


def test_it_is_not_made_again_where_the_products_are(origin: Origin) -> None:
    with pytest.raises(Exception, match="name a fresh folder"):
        list(reproduce.reproduce(origin, load(TINY), Path("runs"), lambda *_, **__: None))


def test_a_dump_is_typed_with_the_words_it_goes_by() -> None:
    again = typed(load(TINY).dump(), TINY)
    assert again == load(TINY) and again._said == tuple(TINY)


# --- needed by nobody -------------------------------------------------------------------------------------------------


def product(folder: Path, name: str, whole: bool = True) -> Path:
    (folder / name / "work").mkdir(parents=True)
    (folder / name / "data").write_text("12345")
    if whole:
        (folder / name / "manifest.json").write_text("{}")
    return folder / name


def test_only_products_that_nobody_needs_go(tmp_path: Path) -> None:
    needed, lost = product(tmp_path, "kept-aaaaaaaaaa"), product(tmp_path, "kept-bbbbbbbbbb")
    half, at_work = product(tmp_path, "adapter-cccccccccc", False), product(tmp_path, "adapter-dddddddddd", False)
    goes_on = product(tmp_path, "adapter-eeeeeeeeee", False)
    product(tmp_path, "notes-ffffffffff")
    needs = Needs({"a" * 64, "e" * 64}, set(), set())
    with locked(at_work):
        found = list(gc.products(tmp_path, needs))
    assert [one.what for one in found] == [str(half), str(lost)]
    assert found[0].why.startswith("left by an interrupted run") and found[1].bytes == 5 + 2
    for one in found:
        one.remove()
    assert needed.exists() and at_work.exists() and goes_on.exists() and not half.exists() and not lost.exists()


def test_a_product_that_is_taken_up_in_between_stays(tmp_path: Path) -> None:
    lost = product(tmp_path, "kept-bbbbbbbbbb")
    (found,) = gc.products(tmp_path, Needs(set(), set(), set()))
    with locked(lost), pytest.raises(Exception, match="making this now"):
        found.remove()
    assert lost.exists()


def test_copies_serve_an_alias_and_a_version_made_again_its_own_products(tmp_path: Path) -> None:
    asked = {"sql": SimpleNamespace(registry=SimpleNamespace(model="factory.sql.tiny"))}
    for name in ("fetched/factory.sql.tiny-1", "fetched/factory.sql.tiny-2", "fetched/other.model-1"):
        (tmp_path / name).mkdir(parents=True)
    for number in (1, 2, 3):
        product(tmp_path / f"reproduced/factory.sql.tiny-{number}/sql", f"kept-{number}aaaaaaaaa")
    product(tmp_path / "sql", "kept-2aaaaaaaaa")
    model = "factory.sql.tiny"
    needs = Needs(set(), {(model, "1"), (model, "2")}, {(model, "1")})
    names = [Path(one.what).relative_to(tmp_path).as_posix() for one in gc.copies(tmp_path, asked, needs)]
    assert names == [f"fetched/{model}-2", f"reproduced/{model}-2", f"reproduced/{model}-3"]
    with locked(tmp_path / "sql/kept-2aaaaaaaaa"):
        assert list(gc.copies(tmp_path, asked, needs)) == [], "a run may be reading one"
