"""The data card of a user's own specialist: made up to the kept rows, one page, whether or not human text is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from factory import config
from factory.data_card import data_card, spread
from factory.pages.data_page import cells, heads


def quiet(*_: object, **__: object) -> None:
    """Progress nobody watches."""


def asked(folder: Path) -> config.Config:
    exam = {"id": "e", "messages": [{"role": "user", "content": "Sum?"}], "answer": "2", "family": "exam 1"}
    exam |= {"state": {"family": "exam 1", "a": 1, "b": 1}, "tags": {}, "provenance": {}, "split": "exam"}
    (folder / "specialists/sums/exam.jsonl").write_text(json.dumps(exam) + "\n")
    return config.load(
        [
            "specialist=sums",
            "specialist.settings.most=5",
            "generate.rows=300",
            "runtime.workers=1",
            f"runtime.runs={folder}/runs",
        ]
    )


def test_the_card_says_what_was_kept_and_dropped(in_sums_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACTORY_EVAL_DATA", str(in_sums_folder / "nowhere"))
    card = data_card(asked(in_sums_folder), quiet)
    page = card.page.read_text()
    assert card.page == in_sums_folder / "runs/sums/data.html"
    assert "300 passed the specialist's own verifier" in page.replace("&#39;", "'")
    assert "Human text is not there" in page and list(card.diversity) == ["our prompts", "our answers"]
    assert card.diversity["our prompts"].distinct[1] < 0.1
    assert "exact_duplicate: said before" in page and "dropped by exact_duplicate: said before" in page
    assert [len(row) for row in cells(card.diversity)] == [len(heads())] * 2


def test_human_text_stands_beside_it(in_sums_folder: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACTORY_EVAL_DATA", str(shared_data))
    card = data_card(asked(in_sums_folder), quiet)
    assert "MTS-Dialog dialogues" in card.page.read_text() and "is not there" not in card.page.read_text()
    assert len({one.words for one in card.diversity.values()}) == 1


def test_samples_are_spread() -> None:
    assert spread([{"n": n} for n in range(13)]) == [{"n": n} for n in (0, 3, 6, 9, 12)]
    assert spread([{"n": 1}]) == [{"n": 1}] and spread([]) == []
