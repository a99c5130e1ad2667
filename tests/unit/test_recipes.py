"""What teachers are asked for beside paraphrases: questions to answers, the best of several answers, pairs to prefer one of."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random

import pytest

from factory.cli import main
from factory.config import load
from factory.errors import Mistake
from factory.records import KEPT, Example
from factory.rows import read_examples, read_jsonl
from factory.specialist import Inapplicable, find
from factory.stages.generate import admit
from factory.teachers import Told, recipe, retell
from factory.teachers.endpoint import Endpoint
from factory.teachers.replies import Replies
from tests.server import Answer, Server, serving


def overrides(server: Server, name: str, specialist: str) -> list[str]:
    words = [f"specialist={specialist}", "teacher=endpoint", f"teacher.url={server.url}", f"teacher.recipe={name}"]
    return [
        *words,
        "teacher.model=m",
        "+runtime.calls.prices.m={input: 1.0, output: 2.0}",
        "runtime.calls.backoff=0.01",
    ]


@cache
def rows(specialist: str, count: int) -> list[Example]:
    """Rows of the grammar with names that mean something."""
    task, found, index = find(specialist), [], 0
    typed = task.typed(load([f"specialist={specialist}", "specialist.settings.renamed=0.0"]).specialist.settings)
    while len(found) < count:
        with suppress(Inapplicable):
            row = task.example(index, 3, typed, "train")
            found += [row] if admit(task, row) == KEPT else []
        index += 1
    return found


def made(name: str, specialist: str, asked: list[Example], answer: Answer, place: Path, **faults: float) -> list[Told]:
    """What a recipe makes of rows with that answer behind a real server."""
    with serving(answer, faults=faults) as server:
        configured, replies = load(overrides(server, name, specialist)), Replies(place / "replies.sqlite")
        endpoint = Endpoint(configured.teacher, configured.runtime.calls, replies)
        found = asyncio.run(retell(endpoint, recipe(name), find(specialist), asked, lambda: None))
        replies.close()
    return found


def test_a_question_for_a_query_is_kept_where_it_asks_for_it(tmp_path: Path) -> None:
    """The teacher sees tables and query, never the grammar's question; every third question is another row's."""
    task, asked = find("sql"), rows("sql", 60)
    known = {row.answer: row for row in asked}

    def answer(request: dict) -> str:
        said = request["messages"][0]["content"]
        row = known[said.rpartition("Query: ")[2].strip()]
        assert task.telling(row.prompt) not in said and row.prompt.partition("\nQuestion:")[0].splitlines()[-1] in said
        number = asked.index(row)
        other = asked[(number + 1) % 60] if number % 3 == 0 else row
        told = task.render(task.state(**other.state), Random(number), True)
        return json.dumps({"text": task.telling(told.messages[0]["content"])})

    found = made("back_translation", "sql", asked, answer, tmp_path)
    wrong = [verdict for number, (verdict, _) in enumerate(found) if number % 3 == 0]
    right = [new for number, (verdict, new) in enumerate(found) if number % 3 and verdict == KEPT]
    assert all(verdict.reason == "teacher: another meaning" for verdict in wrong) and len(right) > 0.9 * 40
    assert all(new.tags["origin"] == "back_translation" and new.answer in known for new in right)


@pytest.mark.parametrize("specialist", ["sql", "medical", "creative"])
def test_the_verifier_chooses_among_answers(specialist: str, tmp_path: Path) -> None:
    """Of four answers none, one or two are right: a wrong one comes first, and is the one to be rejected."""
    task, asked = find(specialist), rows(specialist, 12)
    known = {row.prompt: row for row in asked}
    count: dict[str, int] = {}

    def answer(request: dict) -> str:
        row = known[request["messages"][0]["content"]]
        assert "response_format" not in request
        turn = count[row.id] = count.get(row.id, 0) + 1
        wrong = task.corrupt(task.state(**row.state))
        return row.answer if turn % 2 == 0 and asked.index(row) % 3 else wrong[turn % len(wrong)]

    best = made("best_of_n", specialist, asked, answer, tmp_path / "best")
    for number, (verdict, row) in enumerate(best):
        if number % 3:
            assert verdict == KEPT and row.answer == asked[number].answer and row.tags["origin"] == "best_of_n"
            assert row.provenance["right"] == 1 and row.provenance["answers"] >= 2
            assert task.grade(row, [row.provenance["rejected"]])[0].value == pytest.approx(
                row.provenance["rejected_score"], abs=1e-4
            )
        else:
            assert (verdict.reason, row) == ("teacher: no answer is right", None) and verdict.number < 1
    count.clear()
    pairs = made("preferences", specialist, asked, answer, tmp_path / "pairs")
    assert all(verdict == KEPT for verdict, _ in pairs)
    for row, (_, new) in zip(asked, pairs, strict=True):
        assert (new.answer, new.messages) == (row.answer, row.messages)
        chosen, rejected = task.grade(new, [new.answer, new.provenance["rejected"]])
        assert chosen.value == 1 > rejected.value


def test_rows_to_which_every_answer_is_right_have_nothing_to_prefer(tmp_path: Path) -> None:
    asked = rows("medical", 3)
    known = {row.prompt: row.answer for row in asked}
    found = made("preferences", "medical", asked, lambda request: known[request["messages"][0]["content"]], tmp_path)
    assert {verdict.reason for verdict, _ in found} == {"teacher: every answer is right"}


def test_a_row_whose_every_question_failed_failed(tmp_path: Path) -> None:
    found = made("best_of_n", "medical", rows("medical", 2), lambda _: "cut", tmp_path, truncated=1.0)
    assert {(verdict.fate, verdict.reason) for verdict, _ in found} == {("failed", "teacher: the answer was cut off")}


def test_a_specialist_without_a_file_or_a_reading_says_so() -> None:
    with pytest.raises(Mistake, match="back_translation.txt"):
        recipe("back_translation").template(find("medical"))


LOCAL = ["base=nano", "teacher=local", "teacher.samples=2", "teacher.max_tokens=50", "generate.rows=5"]


def test_a_model_loaded_here_is_a_teacher_and_its_answers_are_kept(tmp_path: Path, capsys) -> None:
    """The base alone: mostly wrong, which is what preferences are made of. The same again asks nothing anew."""
    words = [
        "specialist=medical",
        *LOCAL,
        "teacher.recipe=preferences",
        "runtime.workers=1",
        f"runtime.runs={tmp_path}",
    ]
    assert main(["filter", *words, "filter.split.dev_share=0.3"]) == 0
    (file,) = tmp_path.glob("medical/examples-*/examples.parquet")
    first, counts = list(read_examples(file)), json.loads((file.parent / "manifest.json").read_text())["counts"]
    assert len(first) == 5 and all(row.provenance["rejected"] for row in first)
    assert counts["candidates"] == 5 + counts["refused"] and counts["teacher"]["calls"] >= 10
    export = tmp_path / "pairs.jsonl"
    assert main(["export", str(export), *words, "filter.split.dev_share=0.3"]) == 0
    pair = next(read_jsonl(export))
    assert [turn["role"] for turn in (*pair["prompt"], *pair["chosen"], *pair["rejected"])] == [
        "user",
        *["assistant"] * 2,
    ]
    file.parent.rename(tmp_path / "elsewhere")
    assert main(["generate", *words]) == 0
    again = json.loads((file.parent / "manifest.json").read_text())["counts"]["teacher"]
    assert again["calls"] == 0 and again["found"] == counts["teacher"]["calls"] + counts["teacher"]["found"]
    assert list(read_examples(file)) == first
    capsys.readouterr()
    assert main(["generate", *words, "teacher.specialist=medical"]) == 2
    assert "no such registered model" in capsys.readouterr().err
