"""What a teacher makes rows from: sentences of documents, points of a grid; from files to kept rows over real HTTP."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from factory.cli import main
from factory.config import load
from factory.outside.seeds import paragraphs, seeds, sentences
from factory.rows import read_examples
from factory.teachers.questions import wrong
from tests.server import serving

MANUAL = """# The kiln

The kiln stands in the yard behind the workshop. It reaches twelve hundred degrees in six hours.
Never open the door above two hundred degrees.

| part | age |
|---|---|
| door | 3 |

## Firing

Load the lower shelf first, then close the vent. A firing takes nine hours in winter!

```
fire --degrees 1200 and this is no sentence of the manual at all.
```
Short one. Let it cool for a full day before the door is opened.
"""


@pytest.fixture
def manual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a manual of two files and a conf file that names it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "manual").mkdir()
    (tmp_path / "manual/kiln.md").write_text(MANUAL)
    (tmp_path / "manual/glaze.txt").write_text("A glaze of ash needs a test tile. Stir the bucket for ten minutes.\n")
    (tmp_path / "manual/plan.csv").write_text("not,read\n")
    (tmp_path / "conf/specialist").mkdir(parents=True)
    head = "# @package _global_\n# Questions about the manual of the pottery.\n\n"
    (tmp_path / "conf/specialist/pottery.yaml").write_text(f"{head}specialist:\n  name: pottery\n  settings: {{}}\n")
    exam = {"messages": [{"role": "user", "content": "Which wheel?"}, {"role": "assistant", "content": "the left"}]}
    (tmp_path / "exam.jsonl").write_text(json.dumps(exam) + "\n")
    return tmp_path


def words(url: str, source: str, train: str, recipe: str, *more: str) -> list[str]:
    served = ["teacher=endpoint", f"teacher.url={url}", "teacher.model=m", f"teacher.recipe={recipe}"]
    price = "+runtime.calls.prices.m={input: 1.0, output: 2.0}"
    given = [f"source={source}", f"source.train={train}", "source.exam=exam.jsonl", "runtime.runs=runs"]
    return ["specialist=pottery", *given, *served, price, "runtime.calls.backoff=0.01", *more]


def test_paragraphs_leave_out_code_and_tables_and_know_their_line() -> None:
    found = dict(paragraphs(MANUAL.splitlines()))
    assert list(found) == [1, 3, 10, 12, 17]
    assert found[3].endswith("two hundred degrees.") and found[10] == "## Firing" and found[17].startswith("Short one.")
    assert sentences(found[17]) == ["Let it cool for a full day before the door is opened."]


def test_every_sentence_is_asked_about_once_under_its_heading(manual: Path) -> None:
    source = load(words("http://x/v1", "documents", "manual", "questions")).source
    found = list(seeds("pottery", source, 0))
    assert len({row.id for row in found}) == len(found) == 8
    assert Counter(row.family for row in found) == {"kiln.md: The kiln": 3, "kiln.md: Firing": 3, "glaze.txt": 2}
    assert all(row.provenance["support"] in row.prompt and row.provenance["passage"] in row.prompt for row in found)
    assert '{"question"' in found[0].prompt and "no sentence of the manual" not in " ".join(row.prompt for row in found)
    other = [row.provenance["support"] for row in seeds("pottery", source, 1)]
    assert other != [row.provenance["support"] for row in found] and len(other) == 8


@pytest.mark.parametrize(
    ("question", "answer", "why"),
    [
        ("How hot does the kiln get?", "twelve hundred degrees", ""),
        ("How hot does the kiln get?", "Twelve hundred degrees!", ""),
        ("How hot does the kiln get.", "twelve hundred degrees", "no question"),
        ("How hot does the kiln get?", "thirteen hundred degrees", "the answer is not in the sentence"),
        ("How hot does the kiln get?", "hundred twelve", "the answer is not in the sentence"),
        ("How hot does the kiln get?", "?!", "the answer is not in the sentence"),
        ("Does the kiln reach twelve hundred degrees?", "twelve hundred degrees", "the question says the answer"),
        ("Who won it?", "twelve hundred", "the question is not about the passage"),
    ],
)
def test_what_does_not_hold_says_why(question: str, answer: str, why: str) -> None:
    sentence = "It reaches twelve hundred degrees in six hours."
    assert wrong(question, answer, f"The kiln stands in the yard. {sentence}", sentence) == why


def ask(request: dict) -> str:
    """A question about the marked sentence; of every third the answer is made up, every fifth is given away."""
    sentence = request["messages"][0]["content"].rpartition("Marked sentence: ")[2].strip()
    said, answer = sentence.rstrip(".!").split(), " ".join(sentence.rstrip(".!").split()[-2:])
    if len(said) % 3 == 0:
        answer = "purple rain"
    return json.dumps({"question": f"What of {' '.join(said[:3])}?", "answer": answer})


def test_documents_become_questions_with_their_support_and_nothing_is_lost(manual: Path, capsys) -> None:
    with serving(ask, faults={"500": 0.1, "no JSON": 0.1}) as server:
        asked = words(server.url, "documents", "manual", "questions", "generate.rows=null")
        assert main(["exam", *asked]) == 0
        assert main(["plan", *asked, "generate.rows=4"]) == 0
        assert "teacher: 4 calls or more" in capsys.readouterr().out
        assert main(["filter", *asked, "filter.split.dev_share=0.3"]) == 0
    (folder,) = (manual / "runs/pottery").glob("examples-*")
    counts = json.loads((folder / "manifest.json").read_text())["counts"]
    rows = list(read_examples(folder / "examples.parquet"))
    assert counts["candidates"] == 8 == len(rows) + counts["refused"]
    assert counts["refused_by"]["teacher: the answer is not in the sentence"] >= 2
    for row in rows:
        assert row.answer in row.provenance["support"] and row.provenance["support"] in row.prompt
        assert row.prompt.endswith("?") and "Marked" not in row.prompt and row.state["answer"] == row.answer


GRID = "topic: [glaze, kiln, clay]\npersona: [a child, a buyer]\n"
ASK = "Write for {persona} about {topic}. JSON: {{prompt, answer}}"


def test_a_grid_gives_each_point_once_before_any_comes_again(manual: Path) -> None:
    (manual / "grid.yaml").write_text(GRID)
    source = load(words("http://x/v1", "grid", "grid.yaml", "grid", f"source.ask='{ASK}'")).source
    found = list(islice(seeds("pottery", source, 0), 12))
    assert len({row.prompt for row in found[:6]}) == 6 == len({row.prompt for row in found[6:]})
    assert len({row.id for row in found}) == 12 and {row.family for row in found} == {"glaze", "kiln", "clay"}
    assert found[0].prompt.endswith("JSON: {prompt, answer}")


def test_a_grid_becomes_rows_with_their_point(manual: Path) -> None:
    (manual / "grid.yaml").write_text(GRID)

    def answer(request: dict) -> str:
        said = request["messages"][0]["content"]
        return json.dumps({"prompt": f"{said} {request['seed']}", "answer": "" if "a child" in said else "yes"})

    with serving(answer) as server:
        asked = words(server.url, "grid", "grid.yaml", "grid", f"source.ask='{ASK}'", "generate.rows=6")
        assert main(["exam", *asked]) == main(["generate", *asked]) == 0
    (folder,) = (manual / "runs/pottery").glob("examples-*")
    counts, rows = (
        json.loads((folder / "manifest.json").read_text())["counts"],
        list(read_examples(folder / "examples.parquet")),
    )
    assert [row.tags["persona"] for row in rows] == ["a buyer"] * 6 and {row.answer for row in rows} == {"yes"}
    assert counts["refused_by"] == {"teacher: an empty prompt or answer": counts["candidates"] - 6}


def test_a_teacher_that_says_nothing_useful_is_not_asked_for_ever(manual: Path, capsys) -> None:
    (manual / "grid.yaml").write_text(GRID)
    with serving(lambda _: json.dumps({"prompt": "", "answer": ""})) as server:
        asked = words(server.url, "grid", "grid.yaml", "grid", f"source.ask='{ASK}'", "generate.candidates_per_row=3")
        assert main(["exam", *asked]) == 0
        capsys.readouterr()
        assert main(["generate", *asked, "generate.rows=4"]) == 2
        assert "12 candidates gave 0 of 4 rows" in capsys.readouterr().err and len(server.asked) == 12
        assert main(["generate", *asked, "generate.rows=null"]) == 2
        assert "a grid has no end" in capsys.readouterr().err and len(server.asked) == 12


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["source.train=nowhere"], "name a file or a folder"),
        (["source.ask='{passage!r}'"], "is no column"),
        (["source.ask='{chapter}'"], "no column chapter"),
        (["teacher.recipe=paraphrase"], "makes nothing of source=documents"),
        (["source.ask=null"], "needs ask"),
        (["source.passage=0"], "source.passage=0"),
        (["source=grid", "source.train=manual/kiln.md", "source.ask='{topic}'", "teacher.recipe=grid"], "YAML file"),
    ],
)
def test_mistakes_are_one_line(manual: Path, change: list[str], said: str, capsys) -> None:
    asked = words("http://127.0.0.1:9/v1", "documents", "manual", "questions", "generate.rows=2")
    assert main(["exam", *asked]) == 0
    capsys.readouterr()
    assert main(["generate", *asked, *change]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
