"""What is different between two versions of a specialist's data: what was asked, the counts, and the rows themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factory import pipeline
from factory.config import Config
from factory.errors import Mistake, closest
from factory.records import stream_id
from factory.rows import TOLD, read_examples
from factory.store import Made


@dataclass(frozen=True)
class Difference:
    """Two versions, old and new: the keys that were asked otherwise, and lines of counts (what, old, new)."""

    old: Made
    new: Made
    asked: list[tuple[str, str, str]]
    counts: list[tuple[str, int, int]]


def difference(asked: Config, key: str) -> Difference:
    """The kept rows whose key begins so beside those of this configuration; Mistake where one is not made."""
    new = pipeline.products(asked, "kept")
    old = version(Path(asked.runtime.runs) / asked.specialist.name, key)
    return Difference(old, new["kept"], list(changed(old, new["kept"])), list(counted(old, new["kept"])))


def version(folder: Path, key: str) -> Made:
    """The one product of kept rows whose key begins so."""
    found = [path for path in sorted(folder.glob("kept-*")) if Made("kept", "", path).complete]
    fitting = [path for path in found if path.name.removeprefix("kept-").startswith(key.removeprefix("kept-"))]
    if len(fitting) != 1:
        hint = closest(key, [path.name for path in found]) if found else "factory filter makes one"
        raise Mistake(f"{folder}/{key}", "several begin so" if fitting else "no such version of the data", hint)
    return Made("kept", fitting[0].name.removeprefix("kept-"), fitting[0])


def examples(kept: Made) -> Made:
    """The examples that kept rows were chosen from; Mistake where their folder is gone."""
    key = kept.manifest["asked"]["examples"]
    made = Made("examples", key, kept.folder.with_name(f"examples-{key[:10]}"))
    if not made.complete:
        raise Mistake(
            str(made.folder), f"the examples of {kept.folder.name} are not there", "factory generate makes them"
        )
    return made


def changed(old: Made, new: Made) -> Iterator[tuple[str, str, str]]:
    """What was asked otherwise: dotted key, old and new value; files by the beginning of their digests."""
    one, two = ({**dotted(examples(kept).manifest["asked"]), **dotted(kept.manifest["asked"])} for kept in (old, new))
    for name in dict.fromkeys([*one, *two]):
        if name != "examples" and one.get(name) != two.get(name):
            yield name, shown(one.get(name)), shown(two.get(name))


def dotted(asked: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted keys."""
    found: dict[str, Any] = {}
    for name, value in asked.items():
        found |= dotted(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": value}
    return found


def shown(value: Any) -> str:
    """A value as it is written; of a digest its beginning."""
    text = "-" if value is None else str(value)
    return text[:10] if len(text) == 64 and text.isalnum() else text


def counted(old: Made, new: Made) -> Iterator[tuple[str, int, int]]:
    """Lines of counts: the stages' own, then the rows that both have and those that only one has, by what they say."""
    one, two = (
        {
            **dotted(examples(kept).manifest["counts"]),
            **{f"kept.{k}": v for k, v in dotted(kept.manifest["counts"]).items()},
        }
        for kept in (old, new)
    )
    for name in dict.fromkeys([*one, *two]):
        yield name, one.get(name, 0), two.get(name, 0)
    left, right = (
        Counter(stream_id(row.prompt, row.answer) for row in read_examples(kept.file("kept.parquet"), TOLD))
        for kept in (old, new)
    )
    both = (left & right).total()
    yield "rows said in both", both, both
    yield "rows said only here", left.total() - both, right.total() - both
