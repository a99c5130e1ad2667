"""The figures of diversity on texts whose figures can be counted by hand, and the human texts they stand beside."""

from __future__ import annotations

from pathlib import Path

import pytest

from factory import human
from factory.diversity import Diversity, compared, measure

SAME = ["the cat sat on the mat"] * 50
FRESH = [" ".join(f"w{row}x{place}" for place in range(6)) for row in range(50)]


def test_figures_that_can_be_counted() -> None:
    found = measure([["a", "b", "a", "b"], ["a", "b", "c", "d"]], 8)
    assert found.distinct == (4 / 8, 4 / 6, 4 / 4)
    assert (found.texts, found.words, found.mean_words) == (2, 8, 4.0)
    assert found.self_repetition == 0.0
    assert (found.commonest_opening, found.openings) == (0.5, 1.0)
    assert measure([["a", "b", "c", "d"], ["a", "b", "c", "d", "e"]], 9).self_repetition == pytest.approx(2 / 3)


def test_repeats_look_poor_and_fresh_words_look_rich() -> None:
    found = compared({"same": SAME, "fresh": FRESH})
    assert found["same"].distinct[1] < 0.05 < 0.9 < found["fresh"].distinct[1]
    assert found["same"].self_repetition == found["same"].commonest_opening == 1.0
    assert found["fresh"].self_repetition == 0.0 and found["fresh"].commonest_opening == pytest.approx(1 / 50)
    assert found["same"].compression > 3 * found["fresh"].compression


def test_sets_are_compared_over_the_words_of_the_smallest() -> None:
    found = compared({"few": SAME[:3], "many": SAME, "empty": ["", "!"]}, most=1000)
    assert {name: one.words for name, one in found.items()} == {"few": 18, "many": 18}
    assert found["few"] == found["many"]
    assert compared({"many": SAME}, most=20)["many"].words == 20


def test_too_few_words_are_an_error() -> None:
    with pytest.raises(ValueError, match="2 words are lacking of 4"):
        measure([["a", "b"]], 4)


def test_human_texts_are_masked_and_varied(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACTORY_EVAL_DATA", str(shared_data))
    texts = human.texts()
    assert set(texts) == set(human.SETS) and all(len(found) > 1000 for found in texts.values())
    assert not any(char.isdigit() for text in texts["Spider questions"] for char in text)
    found: dict[str, Diversity] = compared({"same": SAME * 40, **texts}, most=5000)
    assert all(one.distinct[1] > found["same"].distinct[1] for name, one in found.items() if name != "same")
    assert found["MTS-Dialog dialogues"].distinct[1] > 0.4


def test_no_folder_no_human_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACTORY_EVAL_DATA", str(tmp_path / "nowhere"))
    assert human.texts() == {}
