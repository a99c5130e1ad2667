"""The data card of a user's own specialist: made up to the kept rows, one page, whether or not human text is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from factory import config
from factory.cli import main
from factory.data_card import data_card, spread
from factory.errors import Mistake
from factory.pages.data_page import cells, heads


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
    assert "exact_duplicate: said before" in page and "dropped by exact_duplicate: said before" in page
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


def test_samples_are_spread() -> None:
    assert spread([{"n": n} for n in range(13)]) == [{"n": n} for n in (0, 3, 6, 9, 12)]
    assert spread([{"n": 1}]) == [{"n": 1}] and spread([]) == []
