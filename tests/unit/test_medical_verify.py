"""What a note is read back into, and how an answer scores: facts with polarity, number and unit."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from factory.records import Score
from factory.rouge import common_places, rouge_l_sum, words
from factory.specialists.medical import describe
from factory.specialists.medical.mutants import corrupt
from factory.specialists.medical.note import Fact, note, read_note, read_summary, summary
from factory.specialists.medical.questions import ABSENT, questions
from factory.specialists.medical.state import (
    Complaint,
    Encounter,
    Medication,
    Question,
    Relative,
    Sign,
    Slip,
    Span,
    State,
    Vital,
)
from factory.specialists.medical.verify import verify

FULL = Encounter(
    age=45,
    sex="woman",
    complaint=Complaint(
        name="heel pain", span=Span(count=4, unit="day"), course="getting worse", severity="severe", side="on the left"
    ),
    symptoms=(Sign(name="limping"), Sign(name="fever", present=False)),
    history=(Sign(name="asthma", present=False),),
    family=(Relative(who="mother", illness="asthma"),),
    medications=(
        Medication(name="metformin", dose=1000, unit="mg", often="once daily", was=500),
        Medication(name="aspirin", stopped=True),
        Medication(name="vitamin d"),
    ),
    allergies=("penicillin",),
    vitals=(Vital(name="pulse", value="88"), Vital(name="blood pressure", value="130 over 80")),
    findings=(Sign(name="tender heel"),),
    assessment="heel spur",
    plan=("ice packs", "rest"),
    start=Medication(name="naproxen", dose=250, unit="mg", often="twice daily"),
    back=Span(count=2, unit="week"),
)
NOTE = """Patient : 45 year old woman
Complaint : heel pain ; for 4 days ; getting worse ; severe ; on the left
Symptoms : limping ; no fever
History : no asthma
Family : mother asthma
Medication : metformin 1000 mg once daily ( was 500 mg ) ; stopped aspirin ; vitamin d
Allergies : penicillin
Vitals : pulse 88 ; blood pressure 130 over 80
Findings : tender heel
Assessment : heel spur
Plan : ice packs ; rest ; start naproxen 250 mg twice daily ; return in 2 weeks"""
SUMMARY = "45 year old woman with heel pain for 4 days ; assessed as heel spur ; plan ice packs , rest"
FACTS = 28


def state(**more) -> State:
    given = {"group": "foot", "task": "note", "form": "dialogue", "difficulty": "easy", "traps": (), "encounter": FULL}
    return State(**(given | more))


def score(answer: str, **more) -> Score:
    return verify(state(**more), [answer])[0]


def test_note_and_summary_as_they_are_written() -> None:
    assert note(FULL) == NOTE
    assert summary(FULL) == SUMMARY
    bare = Encounter(age=None, sex="", complaint=Complaint(name="heel pain", since="Monday"))
    assert note(bare) == "Complaint : heel pain ; since Monday"
    assert summary(bare) == "patient with heel pain since Monday"


def test_a_note_is_read_back_into_its_facts() -> None:
    facts, broken = read_note(NOTE)
    assert broken == [] and len(facts) == len(set(facts)) == FACTS
    assert {
        Fact("Patient", "", "age", "45"),
        Fact("Complaint", "", "onset", "for 4 days"),
        Fact("Complaint", "", "side", "on the left"),
        Fact("Symptoms", "fever", "polarity", "absent"),
        Fact("History", "asthma", "polarity", "absent"),
        Fact("Family", "asthma", "relative", "mother"),
        Fact("Medication", "metformin", "dose", "1000 mg"),
        Fact("Medication", "metformin", "was", "500 mg"),
        Fact("Medication", "aspirin", "use", "stopped"),
        Fact("Medication", "vitamin d", "use", "taken"),
        Fact("Vitals", "blood pressure", "value", "130 over 80"),
        Fact("Plan", "naproxen", "often", "twice daily"),
        Fact("Plan", "", "name", "return in 2 weeks"),
    } <= set(facts)


def test_a_summary_is_read_back_into_its_facts() -> None:
    facts, broken = read_summary(SUMMARY)
    assert broken == [] and len(facts) == 7
    assert read_summary("patient with heel pain since last week")[0][1] == Fact(
        "Complaint", "", "onset", "since last week"
    )
    assert read_summary("She has heel pain.") == ([], ["She has heel pain."])


def test_the_gold_scores_one_in_all_parts() -> None:
    whole = score(NOTE)
    assert whole == Score(
        1.0, "", dict.fromkeys(("precision", "recall", "format", "exact", "rouge_l"), 1.0) | {"hallucinated": 0.0}
    )
    assert score(SUMMARY, task="summary").value == 1


def test_order_inside_a_section_case_and_spacing_do_not_count() -> None:
    other = NOTE.replace("limping ; no fever", "No fever ;  LIMPING").replace("Symptoms :", "symptoms:") + "\n\n"
    assert score(other).value == 1


@pytest.mark.parametrize(
    ("old", "new", "right", "given", "hallucinated", "reason"),
    [
        ("no fever", "fever", FACTS - 1, FACTS, 0, "missing: Symptoms fever polarity absent"),
        ("500 mg", "50 mg", FACTS - 1, FACTS, 1, "missing: Medication metformin was 500 mg"),
        ("1000 mg", "500 mg", FACTS - 1, FACTS, 0, "missing: Medication metformin dose 1000 mg"),
        ("1000 mg", "1000 mcg", FACTS - 1, FACTS, 1, "missing: Medication metformin dose 1000 mg"),
        ("stopped aspirin", "aspirin", FACTS - 1, FACTS, 0, "missing: Medication aspirin use stopped"),
        ("mother asthma", "father asthma", FACTS - 1, FACTS, 1, "missing: Family asthma relative mother"),
        ("for 4 days", "for 5 days", FACTS - 1, FACTS, 1, "missing: Complaint onset for 4 days"),
        ("pulse 88", "pulse 89", FACTS - 1, FACTS, 1, "missing: Vitals pulse value 88"),
        ("limping ; ", "", FACTS - 1, FACTS - 1, 0, "missing: Symptoms limping polarity present"),
        ("limping ; ", "limping ; cough ; ", FACTS, FACTS + 1, 1, "not stated: Symptoms cough polarity present"),
        ("limping ; ", "limping ; limping ; ", FACTS, FACTS + 1, 0, "not stated: Symptoms limping polarity present"),
        ("Allergies : penicillin\n", "", FACTS - 1, FACTS - 1, 0, "missing: Allergies name penicillin"),
        ("Plan :", "Advice :", FACTS - 6, FACTS - 5, 1, "not in the form: Advice : ice packs"),
    ],
)  # fmt: skip
def test_one_wrong_thing(old: str, new: str, right: int, given: int, hallucinated: int, reason: str) -> None:
    found = score(NOTE.replace(old, new, 1) if old != "500 mg" else NOTE.replace("was 500 mg", "was 50 mg"))
    assert found.value == pytest.approx(2 * right / (given + FACTS))
    assert found.parts["precision"] == pytest.approx(right / given) and found.parts["recall"] == pytest.approx(
        right / FACTS
    )
    assert found.parts["hallucinated"] == hallucinated and found.parts["exact"] == 0
    assert found.reason.startswith(reason)


def test_a_value_that_was_taken_back_is_wrong_but_no_hallucination() -> None:
    slip = Slip(field="span", subject="", wrong="3 days", late=False)
    found = score(NOTE.replace("4 days", "3 days"), slip=slip)
    assert found.value < 1 and found.parts["hallucinated"] == 0


def test_lines_twice_or_out_of_order_are_not_in_the_form() -> None:
    lines = NOTE.splitlines()
    for broken in ("\n".join([lines[1], lines[0], *lines[2:]]), f"{NOTE}\n{lines[-1]}", f"{NOTE}\nand that is all"):
        found = score(broken)
        assert found.value < 1 and found.parts["format"] == 0 and found.reason.startswith("not in the form")


def test_nothing_scores_nothing() -> None:
    for answer in ("", "  \n "):
        assert score(answer) == Score(
            0.0,
            "missing: Patient age 45",
            dict.fromkeys(("precision", "recall", "hallucinated", "format", "exact", "rouge_l"), 0.0),
        )
    assert score("", task="summary").value == 0 and score("", task="summary").reason == "no answer"


@pytest.mark.parametrize(
    ("answer", "value"),
    [("400 mg", 1), (" 400  MG .", 1), ("400 mcg", 0), ("400", 0), ("400 mg twice daily", 0), ("", 0), (ABSENT, 0)],
)
def test_a_short_answer_is_right_or_wrong(answer: str, value: int) -> None:
    asked = Question(kind="dose", about="ibuprofen", answer="400 mg")
    found = score(answer, task="question", form="note", question=asked)
    assert (found.value, bool(found.reason)) == (value, value == 0)


def test_every_corrupted_gold_scores_less_and_they_are_many() -> None:
    for task, gold, least in (("note", NOTE, 40), ("summary", SUMMARY, 10)):
        wrong = corrupt(state(task=task))
        assert len(wrong) == len(set(wrong)) >= least and gold not in wrong
        scores = verify(state(task=task), wrong)
        assert [answer for answer, found in zip(wrong, scores, strict=True) if found.value >= 1] == []
        assert all(found.reason for found in scores)


def test_a_corrupted_gold_swaps_own_and_family_history() -> None:
    assert any("History : asthma" in answer and "Family" not in answer for answer in corrupt(state()))


def test_corrupted_short_answers() -> None:
    asked = Question(kind="dose", about="ibuprofen", answer="400 mg")
    wrong = corrupt(state(task="question", form="note", question=asked))
    assert {"401 mg", "400 mcg", ABSENT} <= set(wrong) and "400 mg" not in wrong


def test_answers_to_questions_are_what_the_note_states() -> None:
    from factory.specialists.medical.lists import groups

    foot = next(group for group in groups("train") if group.name == "foot")
    answers = {(one.kind, one.about): one.answer for one in questions(FULL, foot)}
    assert answers["dose", "metformin"] == "1000 mg" and answers["was", "metformin"] == "500 mg"
    assert answers["dose", "vitamin d"] == ABSENT and answers["often", "naproxen"] == "twice daily"
    assert answers["history", "asthma"] == "no" and answers["relative", "asthma"] == "mother"
    assert answers["symptom", "fever"] == "no" and answers["symptom", "bruising"] == ABSENT
    assert answers["stopped", ""] == "aspirin" and answers["start", ""] == "naproxen"
    assert answers["vital", "weight"] == ABSENT and answers["duration", ""] == "4 days"


def test_what_reports_are_cut_by() -> None:
    about = describe(state(traps=("negation",)))
    assert about.family == "foot" and about.balance.startswith("note dialogue Patient Complaint")
    assert about.tags["slice"] == "dialogue" and about.tags["negation"] == "yes" and about.tags["family"] == "no"
    asked = describe(state(task="question", form="note", question=Question(kind="dose", about="x", answer=ABSENT)))
    assert (asked.tags["slice"], asked.tags["answerable"], asked.balance) == ("question", "no", "question note dose")


@pytest.mark.parametrize(
    ("gold", "answer", "value"),
    [
        ("a b c", "a b c", 1.0),
        ("a b c d", "a c d", 6 / 7),
        ("a b", "b a", 0.5),
        ("a b\nc d", "c d\na b", 1.0),
        ("w1 w2 w3 w4 w5", "w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5", 8 / 15),  # the example of Lin (2004): a union of four
        ("a b", "c d", 0.0),
        ("", "", 0.0),
        ("Ibuprofen 400 mg!", "ibuprofen : 400 MG", 1.0),
    ],
)
def test_rouge_l_sum(gold: str, answer: str, value: float) -> None:
    assert rouge_l_sum(gold, answer) == pytest.approx(value)


def test_the_longest_common_subsequence_reproduces_published_scores(shared_data: Path) -> None:
    """Precision and recall of ROUGE-L over words apart by spaces, the whole text as one sentence."""
    cases = json.loads((shared_data / "known-answers/rouge/cases.json").read_text())
    assert len(cases) >= 4
    for case in cases:
        gold, answer = (tuple(case[side].split()) for side in ("ref", "hyp"))
        common, published = len(common_places(gold, answer)), case["scores"]["rouge-l"]
        assert common / len(answer) == pytest.approx(published["p"], abs=1e-6)
        assert common / len(gold) == pytest.approx(published["r"], abs=1e-6)


def test_common_places_are_in_both_in_order_and_none_is_longer() -> None:
    line, other = words("a b c a d e b"), words("b a c d b e")
    places = sorted(common_places(line, other))
    found = iter(other)
    assert all(line[place] in found for place in places), "a subsequence of the other too"
    assert len(places) == 4 and all(first < second for first, second in pairwise(places))
