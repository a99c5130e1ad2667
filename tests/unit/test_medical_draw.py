"""What is drawn is consistent, shows its traps, repeats, and keeps to its side."""

from __future__ import annotations

from collections import Counter
from functools import cache
from random import Random

import pytest

from factory.config import load
from factory.specialist import Inapplicable, find
from factory.specialists.medical.draw import FACTS, TRAPS_OF, TRAPS_OF_NOTE, Draft, draw
from factory.specialists.medical.lists import common, groups, phrases, terms
from factory.specialists.medical.note import sections
from factory.specialists.medical.questions import ABSENT
from factory.specialists.medical.state import TRAPS, Encounter, State, convertible

STREAMS = 600


@cache
def states(side: str) -> list[State]:
    settings, found = find("medical").typed(load(["specialist=medical"]).specialist.settings), []
    for i in range(STREAMS):
        try:
            found.append(draw(Random(f"{side}/{i}"), settings, side))
        except Inapplicable:
            continue
    return found


def both() -> list[State]:
    return [*states("train"), *states("exam")]


def taken(encounter: Encounter) -> list:
    return [one for one in encounter.medications if not one.stopped and one.dose is not None]


def test_most_streams_come_out_and_repeat() -> None:
    settings = find("medical").typed(load(["specialist=medical"]).specialist.settings)
    assert len(states("train")) > 0.98 * STREAMS and len(states("exam")) > 0.9 * STREAMS
    assert draw(Random("train/1"), settings, "train") == draw(Random("train/1"), settings, "train")
    assert len({state.model_dump_json() for state in both()}) == len(both())


def test_the_sides_share_no_group_no_complaint_and_no_assessment() -> None:
    train, exam = ({name for group in groups(side) for name in own(group)} for side in ("train", "exam"))
    assert len(groups("train")) >= 24 and len(groups("exam")) >= 8
    assert not train & exam
    shared = {name for words in common().words.values() for name in words}
    assert not exam & shared, "what both sides share is nothing of the exam's own"
    assert {state.group for state in states("train")} <= {group.name for group in groups("train")}


def own(group) -> tuple[str, ...]:
    return (group.name, *group.complaints, *group.assessments)


def test_there_are_hundreds_of_complaints_and_conditions() -> None:
    found = {name for side in ("train", "exam") for group in groups(side) for name in own(group)[1:]}
    assert len(found | set(common().words["history"]) | set(common().words["runs"])) > 350


def test_a_group_has_enough_of_everything_and_its_medicines_are_known() -> None:
    for group in (*groups("train"), *groups("exam")):
        sizes = [len(getattr(group, part)) for part in ("complaints", "symptoms", "findings", "assessments", "plan")]
        assert min(sizes) >= 5, group.name
        assert set(group.drugs) <= set(common().drugs), group.name
    assert set(common().words["regular"]) <= set(common().drugs)


def test_a_lay_word_stands_for_one_term_and_is_no_term_itself() -> None:
    said = [word for words in common().lay.values() for word in words]
    assert len(set(said)) == len(said) == len(terms())
    assert not set(said) & (set(common().lay) | {name for words in common().words.values() for name in words})
    heard = [drug.heard for drug in common().drugs.values() if drug.heard]
    assert len(set(heard)) == len(heard) and not set(heard) & set(common().drugs)


def test_misheard_words_are_in_no_fact() -> None:
    """A word that a recogniser may turn into another would else turn one fact into another."""
    facts = {word for drug in common().drugs for word in drug.split()} | set(common().vitals)
    for group in (*groups("train"), *groups("exam")):
        lists = (group.complaints, group.symptoms, group.findings, group.assessments, group.plan)
        facts |= {word for names in lists for name in names for word in name.split()}
    for name in ("history", "runs", "allergies", "symptoms", "relatives", "courses", "severities", "since"):
        facts |= {word for said in common().words[name] for word in said.split()}
    assert not facts & set(common().confusions)


def test_a_row_has_as_many_traps_as_its_difficulty_says() -> None:
    for state in both():
        low, high = (TRAPS_OF_NOTE if state.form == "note" else TRAPS_OF)[state.difficulty]
        assert low <= len(state.traps) <= high
        assert list(state.traps) == sorted(state.traps, key=[*dict.fromkeys((*state.traps, *TRAPS))].index)


def test_a_trap_is_shown_and_none_is_there_that_was_not_drawn() -> None:
    for state in both():
        encounter, traps = state.encounter, set(state.traps)
        signs = (*encounter.symptoms, *encounter.findings, *encounter.history)
        denied = encounter.allergies == ("none",) or any(not sign.present for sign in signs)
        assert denied == ("negation" in traps), state
        assert (state.slip is not None) == ("correction" in traps)
        assert any(one.stopped for one in encounter.medications) == ("stopped" in traps)
        assert bool(encounter.family) == ("family" in traps)
        if "units" in traps:
            assert any(convertible(one.dose, one.unit) for one in taken(encounter))
        if "misheard" in traps:
            assert any(common().drugs[one.name].heard for one in encounter.medications)


def test_what_is_taken_back_differs_from_what_holds() -> None:
    found = Counter()
    for state in filter(lambda state: state.slip, both()):
        slip, encounter = state.slip, state.encounter
        right = {
            "span": [encounter.complaint.span and encounter.complaint.span.text()],
            "age": [str(encounter.age)],
            "side": [encounter.complaint.side],
            "dose": [f"{one.dose} {one.unit}" for one in taken(encounter) if one.name == slip.subject],
            "vital": [vital.value for vital in encounter.vitals if vital.name == slip.subject],
        }[slip.field]
        assert right[0] and slip.wrong != right[0], state
        found[slip.field, slip.late] += 1
    assert len(found) == 10, "every kind, at once and late"


def test_no_two_terms_of_an_encounter_share_a_word() -> None:
    small = {"a", "the", "of", "on", "in", "to", "and", "at"}
    for state in both():
        encounter = state.encounter
        names = [encounter.complaint.name, *encounter.plan, encounter.assessment]
        names += [sign.name for sign in (*encounter.symptoms, *encounter.findings)]
        names += [one.name for one in encounter.medications] + [one.illness for one in encounter.family]
        names += [sign.name for sign in encounter.history if sign.name not in names]
        words = [word for name in names for word in set(name.split()) - small]
        assert len(set(words)) == len(words), names


def test_facts_are_as_many_as_the_difficulty_says() -> None:
    sizes: dict[str, list[int]] = {"easy": [], "medium": [], "hard": []}
    for state in both():
        parts = sections(state.encounter)
        sizes[state.difficulty].append(sum(map(len, parts.values())) - 1)
    means = {difficulty: sum(found) / len(found) for difficulty, found in sizes.items()}
    assert means["easy"] < means["medium"] < means["hard"]
    for difficulty, (low, high) in FACTS.items():
        assert low - 1 <= means[difficulty] <= high + 1, means


def test_doses_frequencies_and_readings_are_those_of_the_lists() -> None:
    for state in both():
        for one in taken(state.encounter):
            if one.name not in common().drugs:
                assert state in states("train"), "only a training row makes names up"
                continue
            drug = common().drugs[one.name]
            assert one.dose in drug.doses and one.often in drug.often and one.unit == drug.unit
            assert one.was is None or (one.was in drug.doses and one.was != one.dose)
        for vital in state.encounter.vitals:
            range_ = common().vitals[vital.name]
            assert range_.low <= float(vital.value.split()[0]) < range_.high + 1


def test_a_question_is_asked_of_notes_only_and_a_share_cannot_be_answered() -> None:
    asked = [state.question for state in both() if state.task == "question"]
    assert all((state.question is not None) == (state.form == "note") == (state.task == "question") for state in both())
    assert len({question.kind for question in asked}) >= 12
    assert 0.15 < sum(question.answer == ABSENT for question in asked) / len(asked) < 0.4


def test_a_draft_without_a_term_left_is_refused() -> None:
    draft = Draft(Random(1), groups("train")[0], ())
    draft.term(("red throat",))
    with pytest.raises(Inapplicable, match="no term left"):
        draft.term(("sore throat", "red rash"))


def test_frequent_acts_have_a_dozen_ways_and_held_out_ones() -> None:
    """A way is a template; its alternatives multiply it."""
    for act, ways in phrases().items():
        assert len(set(ways)) == len(ways), act
    told = {act: ways for act, ways in phrases().items() if not act.startswith(("noise", "d_noise", "echo"))}
    assert [act for act, ways in told.items() if not any(way.startswith("~") for way in ways)] == ["family_not_own"]
    for act in ("open", "complaint", "onset", "demographics"):
        assert len(phrases()[act]) >= 12, act


def test_the_share_of_training_rows_asked_for_is_of_made_up_terms() -> None:
    """A misheard name must be one of the list, so such rows keep theirs."""
    known, others = ({name for group in groups(side) for name in group.complaints} for side in ("train", "exam"))
    free = [state for state in states("train") if "misheard" not in state.traps]
    made_up = sum(state.encounter.complaint.name not in known for state in free) / len(free)
    assert 0.4 < made_up < 0.6
    assert all(state.encounter.complaint.name in others for state in states("exam"))


def test_a_vital_sign_that_always_comes_out_the_same_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong value that is taken back must differ: four draws of a narrow range were all the right one in 400,000 rows."""
    settings = find("medical").typed(load(["specialist=medical"]).specialist.settings)
    monkeypatch.setattr(Draft, "value", lambda self, name: "36.6")
    why = Counter()
    for index in range(STREAMS):
        try:
            draw(Random(f"same/{index}"), settings, "train")
        except Inapplicable as none:
            why[str(none)] += 1
    assert why["a vital sign came out the same five times"] > 0
