"""The independent check of medical rows finds nothing wrong, and finds what was made wrong."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest

from factory.records import Example
from factory.rows import read_exam
from factory.specialist import Inapplicable, Specialist, find

PLACE = Path(__file__).with_name("check_medical.py")
SPEC = importlib.util.spec_from_file_location("check_medical", PLACE)
CHECK = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(CHECK)


@cache
def task() -> Specialist:
    return find("medical")


@cache
def drawn(side: str) -> list[tuple[str, str]]:
    return [(prompt, answer) for prompt, answer in CHECK.rows(260, side) if answer]


def test_it_shares_no_code_with_what_it_checks() -> None:
    head = PLACE.read_text().partition("\ndef rows(")[0]
    assert "import re" in head and not re.search(r"^\s*(from|import) factory", head, re.M)


@pytest.mark.parametrize("side", ["train", "exam"])
def test_five_hundred_drawn_rows_are_right(side: str) -> None:
    assert len(drawn(side)) > 240
    assert [(found, *row) for row in drawn(side) if (found := CHECK.wrong(*row))] == []


def test_the_exam_is_right() -> None:
    rows = [row for row in read_exam(task().exam) if row.tags["origin"] == "grammar"]
    assert len(rows) == 300
    assert [(found, row.prompt) for row in rows if (found := CHECK.wrong(row.prompt, row.answer))] == []


def test_most_corrupted_golds_are_found_out_by_the_text_alone() -> None:
    """It looks for what is made up, turned, or left out; not for a property that a section lacks."""
    found = [
        bool(CHECK.wrong(row.prompt, other))
        for row in examples(40)
        for other in task().corrupt(task().state(**row.state))
    ]
    assert len(found) > 500
    assert sum(found) / len(found) > 0.75


def examples(count: int) -> list[Example]:
    from factory.config import load

    rows, settings = [], task().typed(load(["specialist=medical"]).specialist.settings)
    for index in range(count):
        try:
            rows.append(task().example(index, 3, settings, "train"))
        except Inapplicable:
            continue
    return rows


VISIT = """Write the note.
Doctor: Hello, Ms. Lee. How old are you now, Ms. Lee?
Patient: I'm forty five. I've had heel pain for three days, no, sorry, 4 days.
Doctor: Any limping or chills?
Patient: Well, limping, but no chills.
Doctor: Do you have asthma?
Patient: No, but my mother has it. I take i be profen, 0.4 grams twice a day. I stopped aspirin.
Doctor: Your pulse is 88."""
RIGHT = """Patient : 45 year old woman
Complaint : heel pain ; for 4 days
Symptoms : limping ; no chills
History : no asthma
Family : mother asthma
Medication : ibuprofen 400 mg twice daily ; stopped aspirin
Vitals : pulse 88"""


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("", "", ""),
        ("45", "46", "not borne out: patient : 46"),
        ("old woman", "old man", "not borne out: patient"),
        ("4 days", "3 days", "not borne out: complaint : for 3 days"),
        ("no chills", "chills", "not borne out: symptoms : chills"),
        ("limping ; ", "", "left out: limping"),
        ("limping", "fever", "not borne out: symptoms : fever"),
        ("no asthma", "asthma", "not borne out: history : asthma"),
        ("mother", "father", "not borne out: family : father"),
        ("400 mg", "40 mg", "not borne out: medication : ibuprofen 40 mg"),
        ("twice daily", "once daily", "not borne out: medication : ibuprofen"),
        ("stopped aspirin", "aspirin", "not borne out: medication : aspirin"),
        (" ; stopped aspirin", "", "left out: aspirin"),
        ("pulse 88", "pulse 89", "not borne out: vitals : pulse 89"),
    ],
)
def test_what_it_finds(old: str, new: str, fault: str) -> None:
    found = "; ".join(CHECK.wrong(VISIT, RIGHT.replace(old, new, 1) if old else RIGHT))
    assert fault in found if fault else found == ""


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Does the patient have limping?", "yes"),
        ("Any chills?", "no"),
        ("Does the patient have asthma?", "no"),
        ("Who in the family has asthma?", "mother"),
        ("What dose of ibuprofen is noted?", "400 mg"),
        ("What dose of naproxen is noted?", "not stated"),
        ("What did the patient stop taking?", "aspirin"),
        ("What is the pulse?", "88"),
        ("How long ago did it start?", "4 days"),
        ("What is the patient allergic to?", "not stated"),
    ],
)
def test_it_looks_an_answer_up(question: str, answer: str) -> None:
    prompt = f"Use the note.\n{RIGHT}\nQuestion: {question}"
    assert CHECK.wrong(prompt, answer) == []
    assert CHECK.wrong(prompt, "something else") != []
