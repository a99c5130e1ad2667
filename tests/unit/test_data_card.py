"""The data card of a user's own specialist: made up to the kept rows, one page, whether or not human text is there."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path

import pytest

from factory import config
from factory.cli import main
from factory.config import Card
from factory.data_card import data_card, repeated
from factory.errors import Mistake
from factory.pages.data_page import cells, heads
from factory.records import Example


def words(folder: Path) -> list[str]:
    exam = {"id": "e", "messages": [{"role": "user", "content": "Sum?"}], "answer": "2", "family": "exam 1"}
    exam |= {"state": {"family": "exam 1", "a": 1, "b": 1}, "tags": {}, "provenance": {}, "split": "exam"}
    (folder / "specialists/sums/exam.jsonl").write_text(json.dumps(exam) + "\n")
    settings = ["specialist.settings.most=5", "generate.rows=300", "runtime.workers=1"]
    return ["specialist=sums", *settings, f"runtime.runs={folder}/runs"]


def test_the_card_says_what_was_kept_and_dropped(in_sums_folder: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("FACTORY_EVAL_DATA", str(in_sums_folder / "nowhere"))
    assert main(["data", *words(in_sums_folder)]) == 0
    said = capsys.readouterr().out
    assert "our prompts" in said and "distinct-2" in said and f"page: {in_sums_folder}/runs/sums/data.html" in said
    card = data_card(config.load(words(in_sums_folder)))
    page = card.page.read_text()
    assert "300 passed the specialist's own verifier" in page
    assert "Human text is not there" in page and list(card.diversity) == ["our prompts", "our answers"]
    assert card.diversity["our prompts"].distinct[1] < 0.1
    assert "exact_duplicate: said before" in page
    assert [len(row) for row in cells(card.diversity)] == [len(heads())] * 2


def test_human_text_stands_beside_it(in_sums_folder: Path, shared_data: Path, monkeypatch) -> None:
    monkeypatch.setenv("FACTORY_EVAL_DATA", str(shared_data))
    assert main(["data", *words(in_sums_folder)]) == 0
    card = data_card(config.load(words(in_sums_folder)))
    assert "MTS-Dialog dialogues" in card.page.read_text() and "is not there" not in card.page.read_text()
    assert len({one.words for one in card.diversity.values()}) == 1


def test_without_kept_rows_there_is_no_card(in_sums_folder: Path) -> None:
    with pytest.raises(Mistake, match="no examples of this configuration yet"):
        data_card(config.load(words(in_sums_folder)))


def test_of_more_rows_than_the_page_takes_their_digests_choose(in_sums_folder: Path) -> None:
    assert main(["data", *words(in_sums_folder), "card.rows=40"]) == 0
    page = (in_sums_folder / "runs/sums/data.html").read_text()
    (packed,) = re.findall(r'id="rows">(.*)</script>', page)
    rows = json.loads(gzip.decompress(base64.b64decode(packed)))
    assert len(rows) == 40 and "40 of the 300 rows are on this page" in page
    assert {row[0] for row in rows} <= {"train", "dev", "dropped by exact_duplicate: said before"}


def test_rows_that_nearly_repeat_each_other_are_clusters() -> None:
    def row(name: str, text: str) -> Example:
        return Example(name, ({"role": "user", "content": text},), "yes", None, "f")

    long = " ".join(f"w{i}" for i in range(60))
    rows = [row("a", long), row("b", "something else"), row("c", f"{long} now"), row("d", f"{long} then")]
    found = repeated(rows, Card(rows=9, looked_at=9, cluster=0.7, clusters=2, samples=2))
    assert (found["count"], found["rows"], found["looked_at"]) == (1, 3, 4)
    assert [(size, [one.id for one in some]) for size, some in found["largest"]] == [(3, ["a", "c"])]
