"""Stage three: kept rows to token arrays with labels, the trained span of every row verified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from factory import config, models
from factory.canaries import planted
from factory.chat import Tokens, encode, span_mistake
from factory.errors import DataMistake
from factory.records import Example
from factory.rows import TOLD, read_examples, read_jsonl, write_arrow, write_table
from factory.store import Events, Made, Source, digest


def tokenize(
    kept: Made,
    tokenizer: Source,
    tokenize: config.Tokenize,
    replay: Source | None,
    canaries: config.Canaries | None = None,
    *,
    out: Path,
    events: Events,
) -> dict[str, Any]:
    """Writes `tokens.arrow` (row, id, split, input_ids, labels), to be mapped into memory, and `overlong.parquet` (id, tokens).

    The conversations of `replay` are rows of a split of that name; canaries are training rows like any.
    DataMistake where a row trains anything but its answer and stop token, or is longer than `max_length` and
    `overlong=refuse`. Nothing is ever cut.
    """
    words = models.load_tokenizer(tokenizer)
    others = [*(conversations(Path(replay.path)) if replay else ()), *planted(canaries)]
    rows = [*read_examples(kept.file("kept.parquet"), TOLD), *others]
    fitting, overlong = [], []
    for number, row in enumerate(rows):
        tokens = verified(words, row)
        (fitting if len(tokens.ids) <= tokenize.max_length else overlong).append((row, tokens))
        if number % 500 == 0:
            events("rows", done=number, total=len(rows))
    if overlong and tokenize.overlong == "refuse":
        longest = max(len(tokens.ids) for _, tokens in overlong)
        raise DataMistake(
            "tokenize.max_length",
            f"{len(overlong)} of {len(rows)} rows are over {tokenize.max_length} tokens",
            f"the longest has {longest}; raise it, or leave them out on record with tokenize.overlong=drop",
        )
    if not any(row.split == "train" for row, _ in fitting):
        raise DataMistake("tokenize", f"no row to train on is left of {len(rows)}", "raise tokenize.max_length")
    write(out / "tokens.arrow", fitting)
    write_overlong(out / "overlong.parquet", overlong)
    return counts(rows, fitting, overlong)


def conversations(path: Path) -> list[Example]:
    """Conversations of a JSON lines file, whose last turn is the answer; DataMistake names a line that is none."""
    found = []
    for number, row in enumerate(read_jsonl(path), 1):
        turns = row.get("messages") or []
        if len(turns) < 2 or turns[-1].get("role") != "assistant" or not turns[-1].get("content"):
            hint = "a line is {messages: [..., {role: assistant, content: ...}]}, as `factory export` writes it"
            raise DataMistake(f"{path}, line {number}", "no conversation that ends with an answer", hint)
        id = digest([path.name, number, turns])[:16]
        found.append(Example(id, tuple(turns[:-1]), turns[-1]["content"], None, "replay", split="replay"))
    return found


def verified(words: Any, row: Example) -> Tokens:
    """The row's tokens; DataMistake names the row whose trained span is wrong."""
    tokens = encode(words, row.messages, row.answer)
    if wrong := span_mistake(words, tokens, row.answer):
        raise DataMistake(f"tokenize, row {row.id}", wrong, "see factory preview")
    return tokens


def write(path: Path, rows: list[tuple[Example, Tokens]]) -> None:
    """The token arrays, to be mapped into memory."""
    import pyarrow as pa

    ids = pa.list_(pa.int32())
    schema = pa.schema([("id", pa.string()), ("split", pa.string()), ("input_ids", ids), ("labels", ids)])
    lines = (
        {"id": row.id, "split": row.split, "input_ids": tokens.ids, "labels": tokens.labels} for row, tokens in rows
    )
    write_arrow(path, lines, schema)


def write_overlong(path: Path, rows: list[tuple[Example, Tokens]]) -> None:
    """The rows left out for their length."""
    import pyarrow as pa

    schema = pa.schema([("id", pa.string()), ("tokens", pa.int32())])
    write_table(path, [{"id": row.id, "tokens": len(tokens.ids)} for row, tokens in rows], schema)


def counts(rows: list[Example], fitting: list[tuple[Example, Tokens]], overlong: list) -> dict[str, Any]:
    """What the run prints: rows, tokens, and the share of tokens that is trained."""
    lengths = sorted(len(tokens.ids) for _, tokens in fitting)
    total, trained = sum(lengths), sum(tokens.trained for _, tokens in fitting)
    return {
        "rows": len(rows),
        "fitting": len(fitting),
        "overlong": len(overlong),
        "tokens": total,
        "trained_tokens": trained,
        "trained_share": round(trained / total, 4),
        "longest": lengths[-1],
        "median": lengths[len(lengths) // 2],
    }
