"""The filters that need a model. The base's difficulty: an answer to another prompt is harder than one's own.

On the embedded base, with planted rows whose answers were handed on to the next one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from factory import filters, models
from factory.chat import IGNORED, encode
from factory.config import Config, load
from factory.pipeline import steps
from factory.records import Example, Verdict
from factory.rows import read_jsonl, write_examples
from factory.specialist import Inapplicable, find
from factory.stages.filter import filter as filter_stage
from factory.store import Source

ROWS = 64


def quiet(message: str, **figures: Any) -> None:
    """Says nothing."""


def asked(place: Path, *words: str) -> Config:
    return load(["quality=difficulty", f"runtime.runs={place}", "runtime.device=cpu", "runtime.threads=1", *words])


@cache
def honest(name: str, count: int = ROWS) -> tuple[Example, ...]:
    """The first rows of a specialist."""
    task, settings, rows, index = find(name), load([f"specialist={name}"]).specialist.settings, [], 0
    while len(rows) < count:
        with suppress(Inapplicable):
            rows.append(task.example(index, 0, task.typed(settings), "train"))
        index += 1
    return tuple(rows)


def shuffled(rows: Sequence[Example]) -> list[Example]:
    """Every row with the next other answer, that of the last ones from the beginning."""
    answers = [row.answer for row in rows] * 2
    return [
        replace(row, id=f"shuffled {row.id}", answer=next(one for one in answers[place:] if one != row.answer))
        for place, row in enumerate(rows)
    ]


def area(own: np.ndarray, other: np.ndarray) -> float:
    """How often one of the others is larger than an own one, half of the ties counted: the area under the ROC curve."""
    return float((own[:, None] < other).mean() + (own[:, None] == other).mean() / 2)


def checked(config: Config, rows: Sequence[Example]) -> tuple[dict[str, Verdict], dict[str, Any]]:
    """The verdicts, and what is left for the manifest."""
    settings = filters.equipped(config)["difficulty"]
    return filters.find("difficulty")(rows, settings, [], quiet), settings.record


def scores(place: Path, rows: Sequence[Example], *words: str) -> dict[str, float]:
    """The IFD of every row: what a filter that drops them all says."""
    found, _ = checked(asked(place, "filter.difficulty.above=1e-12", *words), rows)
    return {name: verdict.number for name, verdict in found.items()}


@pytest.mark.parametrize(("name", "least"), [("sql", 0.98), ("medical", 0.85), ("creative", 0.95)])
def test_an_answer_to_another_prompt_is_harder(name: str, least: float, tmp_path: Path) -> None:
    found = scores(tmp_path, [*honest(name), *shuffled(honest(name))])
    own = np.array([found[row.id] for row in honest(name)])
    other = np.array([found[f"shuffled {row.id}"] for row in honest(name)])
    assert area(own, other) >= least
    assert np.mean(own >= 1) < 0.1 and np.mean(other >= 1) >= np.mean(own >= 1)


def test_rows_on_both_sides_of_the_thresholds_go_with_their_number(tmp_path: Path) -> None:
    rows = honest("sql")[:8]
    own = scores(tmp_path, rows)
    low, high = (sorted(own.values())[place] for place in (2, 5))
    config = asked(tmp_path, f"filter.difficulty.above={0.99 * high}", f"filter.difficulty.below={1.01 * low}")
    found, record = checked(config, rows)
    helps = {name: Verdict.drop("the prompt does not help", value) for name, value in own.items() if value >= high}
    trivial = {name: Verdict.drop("trivial to the base", value) for name, value in own.items() if value <= low}
    assert found == helps | trivial and len(helps) == len(trivial) == 3
    assert record["scored"] == 8 and record["5%"] <= record["50%"] <= record["95%"]


def test_a_row_that_is_too_long_is_named_and_not_cut(tmp_path: Path) -> None:
    rows = list(honest("sql")[:4])
    config = asked(tmp_path, "filter.difficulty.max_length=90")
    words = models.load_tokenizer(models.tokenizer_source(config.base))
    sizes = {row.id: len(encode(words, row.messages, row.answer).ids) for row in rows}
    found, record = checked(config, rows)
    long = {name: Verdict("failed", "over 90 tokens", size) for name, size in sizes.items() if size > 90}
    assert {name: verdict for name, verdict in found.items() if verdict.fate == "failed"} == long and long
    assert record["scored"] == 4 - len(long)


def test_a_batch_has_the_losses_of_its_rows_alone(tmp_path: Path) -> None:
    """By hand: the log-softmax of every position at the next token, over the trained ones."""
    import torch

    config = asked(tmp_path)
    words = models.load_tokenizer(models.tokenizer_source(config.base))
    plain = config.base.weights.quantisation.model_copy(update={"kind": "none", "double": False, "unpacked": False})
    weights = config.base.weights.model_copy(update={"quantisation": plain})
    model = models.load_base(models.weights_source(config.base), weights, config.runtime)
    rows = [encode(words, row.messages, row.answer) for row in (*honest("sql")[:3], *honest("creative")[:3])]
    by_hand = []
    for row in rows:
        with torch.inference_mode():
            said = torch.log_softmax(model(torch.tensor([row.ids])).logits[0].double(), -1)
        each = [-said[i, label].item() for i, label in enumerate(row.labels[1:]) if label != IGNORED]
        by_hand.append(sum(each) / len(each))
    assert models.losses(model, words, rows) == pytest.approx(by_hand, rel=1e-4)


def test_a_killed_run_goes_on_and_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, few = honest("medical")[:24], "filter.difficulty.batch_size=4"
    whole = scores(tmp_path / "one", rows, few)
    made, losses = [], models.losses

    def counted(*given: Any) -> list[float]:
        if len(made) == 5:
            made.append("killed")
            raise KeyboardInterrupt
        made.append("made")
        return losses(*given)

    monkeypatch.setattr(models, "losses", counted)
    with pytest.raises(KeyboardInterrupt):
        scores(tmp_path / "two", rows, few)
    assert scores(tmp_path / "two", rows, few) == whole
    assert made.count("made") == 12, "six batches, each with and without its prompts, none of them twice"
    monkeypatch.setattr(models, "load_base", None)
    assert scores(tmp_path / "two", rows, few) == whole, "another threshold needs no model"


def keys(*words: str) -> dict[str, str]:
    return {step.made.stage: step.made.key for step in steps(load(list(words)), "kept")}


def test_the_base_is_asked_for_by_the_rows_it_judges_and_by_no_others(tmp_path: Path) -> None:
    assert keys() == keys("base=tiny", "generate.rows=3300") == keys("quality=none")
    one, other = keys("quality=difficulty"), keys("quality=difficulty", "base=tiny", "generate.rows=3300")
    assert one["examples"] == other["examples"] == keys()["examples"]
    assert len({one["kept"], other["kept"], keys()["kept"]}) == 3
    plain = keys("quality=difficulty", "base.weights.quantisation.kind=none")
    assert plain["kept"] != one["kept"], "scored as it is used"
    assert keys("quality=difficulty", "train=lora")["kept"] == one["kept"], "what trains on it is another matter"
    elsewhere = keys("quality=difficulty", f"runtime.runs={tmp_path}", "runtime.threads=2")
    assert elsewhere == one, "where it runs is no part of it"


def test_the_stage_keeps_what_could_not_be_judged_on_record(tmp_path: Path) -> None:
    rows = [*honest("sql")[:20], *shuffled(honest("sql")[20:30])]
    write_examples(tmp_path / "examples.parquet", rows)
    (tmp_path / "exam.jsonl").write_text("")
    config = asked(
        tmp_path, "filter.difficulty.max_length=120", "filter.difficulty.above=0.2", "filter.difficulty.budget=1"
    )
    table = {name: filters.equipped(config)[name] for name in ("difficulty", "split")}
    made = SimpleNamespace(file=lambda name: tmp_path / name)
    counts = filter_stage(
        made, Source(tmp_path / "exam.jsonl", ""), None, config.specialist, table, out=tmp_path, events=quiet
    )
    unjudged = list(read_jsonl(tmp_path / "unjudged.jsonl"))
    assert counts["rows"] == 30 == counts["kept"] + counts["dropped"]
    assert counts["unjudged_by"] == {"difficulty: over 120 tokens": len(unjudged)}
    assert {one["check"] for one in unjudged} == {"difficulty"} and all(one["number"] > 120 for one in unjudged)
    assert counts["difficulty"]["scored"] == 30 - len(unjudged)
    assert set(counts["dropped_by"]) == {"difficulty: the prompt does not help"}
    assert json.loads(json.dumps(counts)) == counts
