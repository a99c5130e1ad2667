"""Every kind of overlap between an exam and what was read before it is found where it is planted, and not elsewhere."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from factory import overlap, specialist
from factory.config import load
from factory.overlap import Line, Read
from factory.records import Example
from factory.rows import read_exam

TASK = specialist.find("sql")
EXAM = [row for row in read_exam(TASK.exam) if row.tags["rendering"] != "by hand"]
CORPUS = Read("corpus", ("Records:\n- Anna : city Lima\nQuestion: What is the city of Anna ?", "Lima"))
VALUES, PROMPTS, ANSWERS = (
    "identifiers and values",
    "prompts that share 8 words in a row",
    "answers that share 8 words in a row",
)


@pytest.fixture(scope="module")
def train() -> Read:
    return overlap.training_rows(TASK, TASK.typed(load(["specialist=sql"]).specialist.settings), seed=0, rows=300)


def found(train: Read, corpus: Read = CORPUS) -> dict[str, Line]:
    return {line.what: line for line in overlap.table(TASK, EXAM, [corpus, train])}


def said(*texts: str) -> Read:
    return Read("corpus", (*CORPUS.texts, *texts))


def with_row(train: Read, **changes: object) -> Read:
    return replace(train, rows=(*train.rows, replace(train.rows[0], **changes)))


def changed(before: dict[str, Line], after: dict[str, Line]) -> dict[str, tuple[int | None, ...]]:
    """The lines that changed, without the values: nearly any text says one that some row of the exam says."""
    lines = {what: line for what, line in after.items() if what != VALUES}
    return {what: line.shared for what, line in lines.items() if line.shared != before[what].shared}


def one(**tags: str) -> Example:
    return next(row for row in EXAM if tags.items() <= row.tags.items() and len(row.answer.split()) > 20)


def test_the_sql_exam_shares_nothing_that_it_must_not(train: Read) -> None:
    lines = found(train)
    assert overlap.leaks(list(lines.values())) == []
    assert lines["families"].of > 20 and lines["held-out skeletons"].of > 5
    assert lines["held-out renderings, by name"].of > 20 and lines["held-out phrases, by their words"].of > 20
    assert lines["families"].shared == lines["held-out skeletons"].shared == (0, 0)


def test_a_family_is_found_in_rows_by_name_and_in_texts_by_what_it_says(train: Read) -> None:
    clean, row = found(train), one(skeleton="seen", rendering="seen")
    assert changed(clean, found(with_row(train, family=row.family))) == {"families": (0, 1)}
    families = {other.family for other in EXAM}
    own = overlap.marks(EXAM, train.rows)
    schemas = {name: [x.prompt.partition("Question:")[0] for x in EXAM if x.family == name] for name in families}
    told = {
        name
        for name, texts in schemas.items()
        if any(overlap.weight(own[name], spoken) >= overlap.MARKED for spoken in said(*texts).values)
    }
    assert len(told) >= 0.6 * len(families), "the schemas alone tell most families: 22 of 34 when this was written"
    after = found(train, said(*schemas[min(told)]))
    assert changed(clean, after) == {"families": (1, 0)}
    assert overlap.leaks(list(after.values())) == [f"families: 1 shared, as {min(told)!r}"]


def test_a_held_out_skeleton_is_found_under_other_names(train: Read) -> None:
    clean = found(train)
    row = next(row for row in EXAM if row.tags["pattern"] == "EXCEPT" or " EXCEPT " in row.answer)
    assert row.tags["skeleton"] == "held out"
    after = changed(clean, found(with_row(train, tags={**train.rows[0].tags, "balance": row.tags["balance"]})))
    assert after == {"held-out skeletons": (0, 1)}
    tagged = changed(clean, found(with_row(train, tags={**train.rows[0].tags, "skeleton": "held out"})))
    assert tagged == {"held-out skeletons": (0, 1)}
    names = {name: f"z{number}" for number, name in enumerate(sorted({w for w in row.answer.split() if w.islower()}))}
    anonymous = " ".join(names.get(word, word) for word in row.answer.split())
    assert changed(clean, found(train, said(f"Query: {anonymous}"))) == {"held-out skeletons": (1, 0)}


def test_a_held_out_rendering_is_found_by_its_name_and_by_its_words(train: Read) -> None:
    clean, row = found(train), one(rendering="held out")
    own = [name for name in row.provenance["renderings"] if name.startswith("list.")] or row.provenance["renderings"]
    after = changed(clean, found(with_row(train, provenance={"renderings": own})))
    assert after["held-out renderings, by name"][1] >= 1 and set(after) == {"held-out renderings, by name"}
    held = next(text for text in overlap.held_out_phrases(TASK) if len(overlap.literal(text)) >= overlap.LITERAL)
    assert found(train, said(re.sub(r"{\w+}", "old lamps", held)))["held-out phrases, by their words"].shared[0] >= 1
    assert changed(clean, found(train, said(re.sub(r"{\w+}", "", held)))) == {}


def test_a_slot_takes_a_few_words_that_begin_no_other_phrase() -> None:
    wanted = overlap.pattern("~Break the count of {nps} down by {col}."[1:])
    assert wanted.search("please break the count of old lamps down by color")
    assert not wanted.search("break the count of lamps that are old down by color")
    assert not wanted.search("break the count of down by color")


def test_runs_and_whole_texts_are_found(train: Read) -> None:
    clean, row = found(train), one(skeleton="seen", rendering="seen")
    question = row.prompt.rpartition("Question: ")[2]
    part = " ".join(question.split()[:9])
    assert changed(clean, found(train, said(f"once {part} again")))[PROMPTS] == (1, clean[PROMPTS].shared[1])
    whole = changed(clean, found(train, said(question, f"Query: {row.answer}")))
    assert whole["equal prompts"] == whole["equal answers"] == whole[ANSWERS] == (1, 0)


def test_values_are_counted_and_never_called_a_leak(train: Read) -> None:
    clean, row = found(train), one(skeleton="seen")
    value = next(iter(sorted(overlap.values(row) - {v for r in train.rows for v in overlap.values(r)})))
    after = found(train, said(f"the {value} is new"))
    assert after[VALUES].shared[0] == clean[VALUES].shared[0] + 1
    assert overlap.leaks(list(after.values())) == []


def test_shapes_keep_keywords_and_functions_only() -> None:
    query = "SELECT avg ( t . price ) FROM t WHERE name = 'O k' LIMIT 3"
    assert overlap.shape(query) == "SELECT avg ( w . w ) FROM w WHERE w = v LIMIT v"
    assert overlap.formal(query) and not overlap.formal("The patient takes 5 mg of it.")
