"""What a visit says: its facts in phrases of its side, number words, units, and what was taken back."""

from __future__ import annotations

import re
from functools import partial
from itertools import pairwise
from random import Random

import pytest

from factory.specialists.medical.lists import common, phrases
from factory.specialists.medical.note import note, summary
from factory.specialists.medical.render import Telling, render
from factory.specialists.medical.say import Voice, number_words, parsed, tidy
from factory.specialists.medical.state import Complaint, Encounter, Medication, Sign, Slip, Span, State, Vital
from tests.drawn import drawn, used

examples = partial(drawn, "medical", streams=500)


def visit(**more) -> State:
    encounter = Encounter(
        **({"age": 45, "sex": "woman", "complaint": Complaint(name="heel pain")} | more.pop("of", {}))
    )
    given = {
        "group": "foot",
        "task": "note",
        "form": "dialogue",
        "difficulty": "easy",
        "traps": (),
        "encounter": encounter,
    }
    return State(**(given | more))


def voice(seed: int = 1, **more) -> Voice:
    return Voice(visit(**more), Random(seed), held_out=False)


def test_training_uses_no_held_out_phrase() -> None:
    said = [phrase for example in examples("train", False) for _, phrase in used(example, phrases())]
    assert len(said) > 2000
    assert [phrase for phrase in said if phrase.startswith("~")] == []


def test_a_held_out_rendering_uses_one_wherever_there_is_one() -> None:
    for example in examples("exam", True):
        for act, phrase in used(example, phrases()):
            assert phrase.startswith("~") or not any(other.startswith("~") for other in phrases()[act])


def test_every_phrase_is_used() -> None:
    """By seen and held-out renderings together; an act that nothing says would be dead."""
    said = {
        act
        for examples_ in (examples("train", False), examples("exam", True))
        for one in examples_
        for act, _ in used(one, phrases())
    }
    assert set(phrases()) - said <= {"d_late", "d_family_not_own", "ask_was"}


def test_a_prompt_is_clean_and_begins_with_an_instruction() -> None:
    for example in (*examples("train", False), *examples("exam", True)):
        assert not re.search(r"[{}\[\]|~]|  | [,.?!]|,,", example.prompt.replace(" ; ", "").replace(" , ", "")), (
            example.prompt
        )
        instruction, _, text = example.prompt.partition("\n")
        assert instruction[-1] in ".?" and text.strip()


def test_a_dialogue_has_turns_of_two_or_three_that_alternate() -> None:
    for example in examples("train", False):
        if example.state["form"] != "dialogue":
            continue
        speakers = [line.partition(":")[0] for line in example.prompt.splitlines()[1:]]
        assert set(speakers) <= {"Doctor", "Patient", "Nurse"}
        assert all(first != second for first, second in pairwise(speakers)), example.prompt


def test_the_answer_is_a_function_of_the_state() -> None:
    for example in examples("train", False):
        state = State(**example.state)
        answer = (
            state.question.answer if state.question else {"note": note, "summary": summary}[state.task](state.encounter)
        )
        assert example.answer == answer


def test_terms_of_the_answer_stand_in_the_prompt_after_a_space_in_lower_case() -> None:
    for example in examples("train", False):
        state = State(**example.state)
        if state.task != "note" or state.lay:
            continue
        signs = (*state.encounter.symptoms, *state.encounter.findings)
        for name in (state.encounter.complaint.name, *(sign.name for sign in signs), *state.encounter.plan):
            assert re.search(rf"[ \n]{re.escape(name)}\b", example.prompt), (name, example.prompt)


def test_the_same_stream_tells_the_same_and_other_streams_tell_it_otherwise() -> None:
    state = visit()
    assert render(state, Random(1), False) == render(state, Random(1), False)
    assert len({render(state, Random(i), False).messages[0]["content"] for i in range(30)}) == 30


def test_rows_are_short_enough() -> None:
    sizes = [len(f"{one.prompt} {one.answer}".split()) for one in (*examples("train", False), *examples("exam", True))]
    assert max(sizes) < 260 and 60 < sum(sizes) / len(sizes) < 180


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "zero"), (7, "seven"), (19, "nineteen"), (20, "twenty"), (46, "forty six"), (100, "one hundred"),
     (250, "two hundred fifty"), (1000, "one thousand"), (1200, "one thousand two hundred"), (2000, "two thousand")],
)  # fmt: skip
def test_number_words(number: int, words: str) -> None:
    assert number_words(number) == words


def test_a_phrase_is_read_into_text_slots_and_alternatives() -> None:
    speaker = voice()
    said = {speaker.fill(parsed("~[a|b [c|d]|]{x}"), {"x": "!"}) for _ in range(60)}
    assert said == {"a!", "b c!", "b d!", "!"}
    with pytest.raises(ValueError, match="a bracket too many"):
        parsed("a]b")


def test_every_phrase_of_the_lists_is_well_formed() -> None:
    for act, ways in phrases().items():
        for way in ways:
            assert way.count("[") == way.count("]") and parsed(way), (act, way)


@pytest.mark.parametrize(
    ("said", "clean"),
    [("a  , b .", "a, b."), (", um, well", "um, well"), ("so?.", "so?"), ("Yes,, no", "Yes, no")],
)
def test_tidy(said: str, clean: str) -> None:
    assert tidy(said) == clean


@pytest.mark.parametrize(
    ("dose", "unit", "ways"),
    [
        (500, "mg", {"half a gram", "0.5 grams", "0.5 g"}),
        (250, "mg", {"a quarter of a gram", "0.25 grams", "0.25 g"}),
        (1000, "mg", {"one gram", "1 gram"}),
        (100, "mg", {"0.1 grams", "0.1 g"}),
    ],
)
def test_the_larger_unit(dose: int, unit: str, ways: set[str]) -> None:
    speaker = voice(traps=("units",))
    assert {speaker.dose(dose, unit) for _ in range(80)} == ways


def test_other_doses_stay_in_their_unit() -> None:
    speaker = voice(traps=("units",))
    assert {speaker.dose(50, "mg") for _ in range(80)} == {"50 mg", "50 milligrams", "fifty mg", "fifty milligrams"}
    assert {voice(i).dose(2, "puffs") for i in range(20)} == {"2 puffs", "two puffs"}
    assert {voice(i).dose(1, "puffs") for i in range(20)} == {"1 puff", "one puff"}


def test_lengths_of_time() -> None:
    assert {voice(i).span(Span(count=1, unit="week")) for i in range(40)} == {"a week", "one week", "1 week"}
    assert {voice(i).span(Span(count=2, unit="day")) for i in range(60)} == {"2 days", "two days", "a couple of days"}


def test_a_slip_is_said_once_and_taken_back() -> None:
    speaker = voice(slip=Slip(field="age", subject="", wrong="44", late=False))
    said = speaker.slip("age", "45")
    assert re.fullmatch(r"(44|forty four), .+, 45", said), said
    assert speaker.slip("age", "45") == "45", "the second time it is right"


def test_a_late_slip_is_wrong_first_and_put_right_at_the_end() -> None:
    medicine = Medication(name="ibuprofen", dose=400, unit="mg", often="twice daily")
    state = visit(
        of={"medications": (medicine,), "vitals": (Vital(name="pulse", value="88"),)},
        traps=("correction",),
        slip=Slip(field="dose", subject="ibuprofen", wrong="200 mg", late=True),
    )
    for seed in range(20):
        text = Telling(Voice(state, Random(seed), False), "").text()
        wrong, right = (re.search(rf"\b({number}|{number_words(number)}) ", text) for number in (200, 400))
        assert wrong and right and wrong.start() < right.start(), text


def test_misheard_medicines_are_named_as_heard_and_lay_words_stand_for_their_terms() -> None:
    of = {"medications": (Medication(name="ibuprofen", dose=400, unit="mg", often="twice daily"),)}
    text = render(visit(of=of, traps=("misheard",)), Random(1), False).messages[0]["content"]
    assert common().drugs["ibuprofen"].heard in text and "ibuprofen" not in text
    told = visit(of={"symptoms": (Sign(name="fatigue"),)}, lay=("fatigue",))
    texts = [render(told, Random(i), False).messages[0]["content"] for i in range(10)]
    assert all("fatigue" not in text and any(said in text for said in common().lay["fatigue"]) for text in texts)


def test_sex_is_told_by_title_or_word_only_where_age_is() -> None:
    for example in examples("train", False):
        telling = re.search(r"\b(Mr|Ms|Mrs)\.|year old(,[a-zA-Z ]+,)? (man|woman)", example.prompt)
        assert bool(telling) == (example.state["encounter"]["age"] is not None), example.prompt
