"""Rows from outside: every shape is recognised, every row is kept or named, and nothing in a row is code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from factory.config import GenericScore, Source, load
from factory.errors import ConfigMistake, DataMistake, Mistake
from factory.outside import State, corrupt, draw, render, verify
from factory.outside.collect import collect
from factory.outside.scores import score

ROWS = [{"text": f"the parcel of {name} is late", "topic": "post"} for name in ("Ada", "Ben", "Cy")]
MAPPED = {"prompt": "{text}\nTopic?", "answer": "{topic}"}
SHAPES = {
    "messages": {"messages": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Yes."}]},
    "sharegpt": {"conversations": [{"from": "human", "value": "Hi?"}, {"from": "gpt", "value": "Yes."}]},
    "alpaca": {"instruction": "Hi?", "input": "", "output": "Yes."},
    "preference": {"prompt": "Hi?", "chosen": "Yes.", "rejected": "No."},
    "prompt and completion": {"prompt": "Hi?", "completion": "Yes."},
}


@pytest.fixture
def source() -> Callable[..., Source]:
    """A source of kind file with what differs."""
    shipped = load([]).source.model_dump()

    def made(path: Path, **more: Any) -> Source:
        return Source(**shipped | {"kind": "file", "train": str(path)} | more)

    return made


def lines(path: Path, *rows: Any) -> Path:
    """Rows as JSON lines; bytes as they are."""
    path.write_bytes(b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows))
    return path


def said() -> tuple[list[str], Callable[..., None]]:
    """What is said, and who listens."""
    heard: list[str] = []
    return heard, lambda text, **_: heard.append(text)


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A specialist `mine` that is only a conf file."""
    (tmp_path / "conf/specialist").mkdir(parents=True)
    (tmp_path / "conf/specialist/mine.yaml").write_text("# @package _global_\nspecialist: {name: mine, settings: {}}\n")
    monkeypatch.chdir(tmp_path)


def test_a_specialist_that_draws_takes_no_rows(tmp_path: Path, source: Callable[..., Source]) -> None:
    with pytest.raises(Mistake, match="specialist=sql: it draws its own rows"):
        collect("sql", source(lines(tmp_path / "a.jsonl", *ROWS), **MAPPED), "train", quiet)


def quiet(*_: object, **__: object) -> None:
    """Nobody listens."""


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_recognised_and_said(shape: str, tmp_path: Path, source: Callable[..., Source]) -> None:
    heard, listen = said()
    (row,) = collect("mine", source(lines(tmp_path / "a.jsonl", SHAPES[shape])), "train", listen).examples
    assert heard[0] == f"rows are {shape}: {', '.join(SHAPES[shape])}"
    assert row.messages == ({"role": "user", "content": "Hi?"},) and row.answer == "Yes."
    assert row.provenance["shape"] == shape
    assert (row.state["rejected"] == "No.") == (shape == "preference")


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv", ".parquet", ".arrow"])
def test_the_same_rows_from_every_kind_of_file(ending: str, tmp_path: Path, source: Callable[..., Source]) -> None:
    path, table = tmp_path / f"a{ending}", pa.Table.from_pylist(ROWS)
    if ending == ".jsonl":
        lines(path, *ROWS)
    elif ending == ".json":
        path.write_text(json.dumps(ROWS, indent=1))
    elif ending == ".csv":
        path.write_text("text,topic\n" + "".join(f"{row['text']},{row['topic']}\n" for row in ROWS))
    elif ending == ".parquet":
        pq.write_table(table, path)
    else:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
    found = collect("mine", source(path, **MAPPED), "train", quiet).examples
    assert [row.prompt for row in found] == [f"{row['text']}\nTopic?" for row in ROWS]
    assert len({row.id for row in found}) == 3


def test_an_identity_does_not_hang_on_place_or_neighbours(tmp_path: Path, source: Callable[..., Source]) -> None:
    one = collect("mine", source(lines(tmp_path / "a.jsonl", *ROWS), **MAPPED), "train", quiet).examples
    other = collect("mine", source(lines(tmp_path / "b.jsonl", ROWS[2], ROWS[0]), **MAPPED), "train", quiet).examples
    assert [row.id for row in other] == [one[2].id, one[0].id]
    twice = collect("mine", source(lines(tmp_path / "c.jsonl", ROWS[0], ROWS[0]), **MAPPED), "train", quiet).examples
    assert twice[0].id == one[0].id != twice[1].id


MALFORMED = {
    "no JSON": (b'{"text": ', "no JSON"),
    "a list": (b"[1]", "a JSON list"),
    "wrong encoding": (b'{"text": "caf\xe9", "topic": "x"}', "not UTF-8 at byte"),
    "a long line": (b'{"text": "' + b"x" * 500 + b'"}', "a line of 513 bytes, above source.max_line=200"),
    "no text": ({"text": ["x"], "topic": "x"}, "text is no text"),
    "nothing": ({"text": None, "topic": "x"}, "text is no text"),
    "an empty answer": ({"text": "x", "topic": " "}, "an empty answer"),
    "deep": (b"[" * 150, "no JSON"),
}


def test_codes_become_words_and_a_code_without_words_is_malformed(
    tmp_path: Path, source: Callable[..., Source]
) -> None:
    path = lines(tmp_path / "a.jsonl", {"text": "one", "label": "GEN/HX"}, {"text": "two", "label": "PLAN"})
    words = {"GEN/HX": "history", "PLAN": "plan"}
    asked = {"prompt": "{text}?", "answer": "{label}"}
    found = collect("mine", source(path, labels=words, **asked), "train", quiet)
    assert [(row.answer, row.state["answer"]) for row in found.examples] == [("history", "history"), ("plan", "plan")]
    with pytest.raises(DataMistake, match=r"line 2: source\.labels has no words for 'PLAN'.*source\.malformed=drop"):
        collect("mine", source(path, labels={"GEN/HX": "history"}, **asked), "train", quiet)


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_row_is_named_and_the_rest_goes_on_as_configured(
    case: str, tmp_path: Path, source: Callable[..., Source]
) -> None:
    bad, why = MALFORMED[case]
    path = lines(tmp_path / "a.jsonl", ROWS[0], bad, ROWS[1])
    with pytest.raises(DataMistake, match=r"a\.jsonl, line 2: ") as stopped:
        collect("mine", source(path, max_line=200, **MAPPED), "train", quiet)
    assert why in str(stopped.value)
    found = collect("mine", source(path, max_line=200, malformed="drop", **MAPPED), "train", quiet)
    assert [row.prompt for row in found.examples] == [f"{row['text']}\nTopic?" for row in ROWS[:2]]
    assert len(found.malformed) == 1 and why in found.malformed[0][1]


def test_a_line_too_long_for_memory_is_passed_over(tmp_path: Path, source: Callable[..., Source]) -> None:
    path = lines(tmp_path / "a.jsonl", b'{"text": "' + b"x" * 3_000_000 + b'"}', ROWS[0])
    found = collect("mine", source(path, max_line=1000, malformed="drop", **MAPPED), "train", quiet)
    assert [row.provenance["row"] for row in found.examples] == [2]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([SHAPES["alpaca"], SHAPES["messages"]], "messages, where the rows before are alpaca"),
        ([{"question": "a", "reply": "b"}], "no known shape in the columns question, reply"),
        ([{"messages": [{"role": "user", "content": "Hi?"}]}], "the last message is not the assistant's"),
        ([{"messages": [{"role": "robot", "content": "x"}] * 2}], "not as messages is written"),
    ],
)
def test_rows_of_no_shape_or_of_two(rows: list[dict], why: str, tmp_path: Path, source: Callable[..., Source]) -> None:
    with pytest.raises(DataMistake, match=why):
        collect("mine", source(lines(tmp_path / "a.jsonl", *rows)), "train", quiet)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.jsonl", b"", "the file is empty"),
        ("a.csv", b"text,topic\n", "no row can be read"),
        ("a.txt", b"x", "no reader for .txt"),
        ("a.csv", b"text,topic\na,b\nc\n", "1 values under 2 headings"),
        ("a.csv", b'text,topic\n"a,b\n', "unexpected end of data"),
        ("a.csv", b"text,topic\ncaf\xe9,b\n", "not UTF-8"),
        ("a.json", b"[1, ", "no JSON"),
        ("a.parquet", b"PAR0", "no Parquet"),
        ("a.arrow", b"ARROW0", "no Arrow"),
        ("b.jsonl", None, "no such file"),
    ],
)
def test_a_file_that_cannot_be_read(
    name: str, content: bytes | None, why: str, tmp_path: Path, source: Callable[..., Source]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataMistake, match=why):
        collect("mine", source(tmp_path / name, **MAPPED), "train", quiet)


@pytest.mark.parametrize("template", ["{text.__class__}", "{text!r}", "{text:>9}", "{0[text]}", "{}"])
def test_a_template_takes_columns_and_nothing_else(
    template: str, tmp_path: Path, source: Callable[..., Source]
) -> None:
    asked = source(lines(tmp_path / "a.jsonl", *ROWS), prompt=template, answer="{topic}")
    with pytest.raises(ConfigMistake, match="is no column"):
        collect("mine", asked, "train", quiet)


def test_braces_in_a_row_are_text(tmp_path: Path, source: Callable[..., Source]) -> None:
    path = lines(tmp_path / "a.jsonl", {"text": "{topic} {text.__class__}", "topic": "x"})
    (row,) = collect("mine", source(path, **MAPPED), "train", quiet).examples
    assert row.prompt == "{topic} {text.__class__}\nTopic?"


def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path, source: Callable[..., Source]) -> None:
    path = lines(tmp_path / "a.jsonl", *ROWS)
    with pytest.raises(ConfigMistake, match="no column txt - did you mean 'text'"):
        collect("mine", source(path, prompt="{txt}", answer="{topic}"), "train", quiet)
    with pytest.raises(DataMistake, match="no column visit"):
        collect("mine", source(path, family="visit", **MAPPED), "train", quiet)


def test_families_are_a_column_or_clusters(tmp_path: Path, source: Callable[..., Source]) -> None:
    long = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    texts = [
        long,
        f"{long} sixteen",
        "something else is said here in other words and to other people",
        f"{long} sixteen more",
    ]
    path = lines(tmp_path / "a.jsonl", *({"text": text, "topic": "t", "visit": i // 2} for i, text in enumerate(texts)))
    told = [row.family for row in collect("mine", source(path, family="visit", **MAPPED), "train", quiet).examples]
    assert told == ["0", "0", "1", "1"]
    found = [row.family for row in collect("mine", source(path, **MAPPED), "train", quiet).examples]
    assert found[0] == found[1] == found[3] != found[2]


@pytest.mark.parametrize(
    ("kind", "gold", "answer", "value"),
    [
        ("exact", "Yes.", " Yes.\n", 1.0),
        ("exact", "Yes.", "yes.", 0.0),
        ("label", "GEN HX", "gen hx.", 1.0),
        ("label", "GENHX", "genhx or plan", 0.0),
        ("rouge", "a b c d", "a b x d", 0.75),
        ("json", '{"a": 1, "b": [2]}', '{"b": [2], "a": 1}', 1.0),
        ("json", '{"a": 1, "b": 2}', '{"a": 1, "c": 2}', 1 / 3),
        ("json", '{"a": 1}', "a: 1", 0.0),
        ("regex", "It is 3, so 4.", "1 + 3 = 4", 1.0),
        ("regex", "It is 4.", "4 or 5", 0.0),
        ("regex", "none", "4", 0.0),
    ],
)
def test_generic_scores(kind: str, gold: str, answer: str, value: float) -> None:
    settings = GenericScore(kind=kind, pattern=r"(\d+)" if kind == "regex" else None)
    assert score(settings, gold, answer).value == pytest.approx(value)
    assert bool(score(settings, gold, answer).reason) == (value < 1)


@pytest.mark.parametrize("pattern", [None, "("])
def test_a_pattern_that_cannot_be(pattern: str | None) -> None:
    with pytest.raises(ValueError, match="pattern"):
        GenericScore(kind="regex", pattern=pattern)


def test_the_verifier_is_graded_like_any_other() -> None:
    state = State(answer="a", rejected="b", family="f", score=GenericScore(kind="label", pattern=None))
    assert [one.value for one in verify(state, ["a", *corrupt(state)])] == [1, 0, 0, 0]
    for asked in (lambda: draw(None, None, "train"), lambda: render(state, None, False)):
        with pytest.raises(Mistake, match="source=drawn"):
            asked()
