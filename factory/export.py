"""Kept rows in a form that others read: conversations as JSON lines, in a file or as a data set on the hub."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from factory import pipeline, specialist
from factory.config import Config
from factory.errors import Mistake, Unavailable
from factory.records import Example
from factory.rows import read_examples, write_jsonl

HUB = "hub:"
CARD = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: train.jsonl
  - split: dev
    path: dev.jsonl
---

# {name}

{train:,} rows to train on and {dev:,} to watch the training with, from {families:,} families that never straddle the two;
made by the specialist factory from its specialist `{name}`, version of the data {key}. {notice}

A row is `messages` (the answer is the last turn), `id`, `family`, `split` and `tags`.
"""


def export(asked: Config, to: str) -> int:
    """Writes the kept rows to a file that ends in .jsonl, or to `hub:OWNER/NAME`, which is made private; how many.

    A row is `messages` with the answer as the last turn (`prompt`, `chosen` and `rejected` where teacher.recipe=preferences
    made it), its id, family, split and tags; `source=file` reads it back.
    Mistake where the rows are not made or the file is there already; Unavailable where the hub does not take them.
    """
    kept = pipeline.products(asked, "kept")["kept"]
    rows = read_examples(kept.file("kept.parquet"))
    if to.startswith(HUB):
        with TemporaryDirectory() as folder:
            notice = specialist.find(asked.specialist.name).notice
            facts = {"name": asked.specialist.name, "key": kept.key[:10], "notice": notice, **kept.manifest["counts"]}
            data_set(Path(folder), rows, facts)
            push(Path(folder), to.removeprefix(HUB))
        return len(rows)
    path = Path(to)
    if path.suffix != ".jsonl":
        raise Mistake(to, "no form of export", f"name a file that ends in .jsonl, or {HUB}OWNER/NAME")
    if path.exists():
        raise Mistake(to, "is there already", "take another name, or delete it first")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_jsonl(path, conversations(rows))
    return len(rows)


def conversations(rows: Iterable[Example]) -> Iterator[dict[str, Any]]:
    """Rows as conversations; those that have an answer to be rejected as preferences."""
    for row in rows:
        about = {"id": row.id, "family": row.family, "split": row.split, "tags": row.tags}
        answer = [{"role": "assistant", "content": row.answer}]
        if row.tags.get("origin") == "preferences":
            rejected = [{"role": "assistant", "content": row.provenance["rejected"]}]
            yield about | {"prompt": list(row.messages), "chosen": answer, "rejected": rejected}
        else:
            yield about | {"messages": [*row.messages, *answer]}


def data_set(folder: Path, rows: Iterable[Example], facts: dict[str, Any]) -> None:
    """The files of a data set: one per split, and its card."""
    for split in ("train", "dev"):
        write_jsonl(folder / f"{split}.jsonl", conversations(row for row in rows if row.split == split))
    (folder / "README.md").write_text(CARD.format(**facts))


def push(folder: Path, name: str) -> None:
    """The folder as a private data set on the hub, as whoever is logged in there."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, HTTPError

    hub = HfApi()
    try:
        hub.create_repo(name, repo_type="dataset", private=True, exist_ok=True)
        hub.upload_folder(
            folder_path=folder, repo_id=name, repo_type="dataset", commit_message="Kept rows of the factory"
        )
    except HFValidationError as error:
        raise Mistake(f"{HUB}{name}", str(error), f"write {HUB}OWNER/NAME") from None
    except (HTTPError, OSError) as error:  # no network, offline mode, no token, no right to write
        why = f"{type(error).__name__}: {error}"
        raise Unavailable(f"{HUB}{name}", why, "is the hub there, and HF_TOKEN one that may write?") from None
