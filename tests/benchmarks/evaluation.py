"""An exam beside lm-evaluation-harness: the same model, rows, prompts and grader, greedy, in one process with one thread.

    python -m tests.benchmarks.evaluation [--rows N] [--rounds N] [--adapter FOLDER]

The harness is given the loaded model and the chats, and runs by its own evaluator; its batch size is the fastest of those
tried. Contenders run in turn (A B C A B C). Counted are the tokens of the answers, per CPU second of the whole exam without
grading, which is the same function for all. Without an adapter one is trained, for a minute.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from factory import answering, config, models
from factory.chat import prompt_ids
from factory.display import columns, console
from factory.log import log_to
from factory.made_with import made_with
from factory.pipeline import exam
from factory.records import Example, Score
from factory.rows import read_exam
from factory.specialist import Specialist, find
from factory.stages import sitting
from tests.benchmarks.bench import make, quiet

WORDS = ["specialist=sql", "base=nano", "runtime.device=cpu", "runtime.threads=1"]
TRAINED = ["generate.rows=600", "train.steps=100"]
SIZES = (1, 16, 64, 128, "auto")
"""Batch sizes of the harness: its default, what fits, and what its documentation recommends."""
TRIED = 32
"""Rows of a try of a batch size."""


@dataclass
class Grader:
    """Grades as the specialist does, and knows how long that took."""

    task: Specialist
    cpu: float = 0.0

    def grade(self, row: Example, answers: Sequence[str]) -> list[Score]:
        """One Score per answer."""
        began = time.process_time()
        try:
            return self.task.grade(row, answers)
        finally:
            self.cpu += time.process_time() - began


@dataclass(frozen=True)
class Hall:
    """Where all of them sit."""

    asked: config.Config
    model: Any
    words: Any
    rows: list[Example]

    def first(self, count: int) -> Hall:
        """The same with fewer rows."""
        return Hall(self.asked, self.model, self.words, self.rows[:count])


@dataclass(frozen=True)
class Sat:
    """What one exam gave: texts and scores by row, and seconds; those of the CPU without grading."""

    texts: list[str]
    scores: list[float]
    cpu: float
    wall: float


@dataclass(frozen=True)
class Contender:
    """Who sits the exam, and what came of it in every round."""

    name: str
    sits: Callable[[Hall, Grader], tuple[list[str], list[float]]]
    around: Callable[[], AbstractContextManager[Any]] = nullcontext
    sat: list[Sat] = field(default_factory=list)

    def sit(self, hall: Hall) -> Sat:
        """One exam."""
        grader = Grader(find(hall.asked.specialist.name))
        with self.around():
            cpu, wall = time.process_time(), time.perf_counter()
            texts, scores = self.sits(hall, grader)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        return Sat(texts, scores, cpu - grader.cpu, wall)

    def pace(self, words: Any) -> list[float]:
        """Tokens of answers per CPU second, by round."""
        return [sum(len(words.encode(text)) for text in one.texts) / one.cpu for one in self.sat]


def factory(hall: Hall, grader: Grader) -> tuple[list[str], list[float]]:
    """The exam as `evaluate` has it."""
    found = sitting.Hall(grader, hall.rows, hall.words, hall.asked.evaluate, quiet).sit(hall.model, "rows")
    return [one.text for one in found], [one.score.value for one in found]


@contextmanager
def whole_batches() -> Iterator[None]:
    """Without the lever of `answering`: rows that have ended stay."""
    with patch.object(answering, "divisible", lambda cache: False):
        yield


@contextmanager
def growing() -> Iterator[None]:
    """And with the cache that `generate` takes where none is named, which copies itself at every token."""
    from transformers import DynamicCache

    with whole_batches(), patch("transformers.StaticCache", lambda shape, max_cache_len: DynamicCache(config=shape)):
        yield


def harness(size: int | str) -> Callable[[Hall, Grader], tuple[list[str], list[float]]]:
    """lm-evaluation-harness with a batch size: `simple_evaluate` over its own HFLM and a task of these rows."""

    def sits(hall: Hall, grader: Grader) -> tuple[list[str], list[float]]:
        from lm_eval import simple_evaluate
        from lm_eval.models.huggingface import HFLM

        lm = HFLM(pretrained=hall.model, backend="causal", tokenizer=hall.words, batch_size=size)
        given = {"tasks": [task(hall, grader)], "task_manager": its_tasks(), "bootstrap_iters": 0}
        found = simple_evaluate(model=lm, apply_chat_template=True, **given)
        samples = sorted(found["samples"]["exam"], key=lambda one: one["doc_id"])
        return [one["filtered_resps"][0].strip() for one in samples], [one["score"] for one in samples]

    return sits


@cache
def its_tasks() -> Any:
    """What the harness knows of its own tasks: nothing, since reading thousands of files is no part of an exam."""
    from lm_eval.tasks import TaskManager

    return TaskManager(include_defaults=False)


def task(hall: Hall, grader: Grader) -> Any:
    """The rows as a task of the harness, graded by the specialist."""
    from datasets import Dataset
    from lm_eval.api.task import ConfigurableTask

    rows = [{"place": place, "prompt": row.prompt, "gold": row.answer} for place, row in enumerate(hall.rows)]

    def graded(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
        return {"score": grader.grade(hall.rows[doc["place"]], [results[0].strip()])[0].value}

    return ConfigurableTask(
        config={
            "task": "exam",
            "custom_dataset": lambda **_: {"test": Dataset.from_list(rows)},
            "test_split": "test",
            "doc_to_text": lambda doc: doc["prompt"],
            "doc_to_target": lambda doc: doc["gold"],
            "output_type": "generate_until",
            "generation_kwargs": {
                "until": [hall.words.eos_token],
                "do_sample": False,
                "max_gen_toks": hall.asked.evaluate.max_new_tokens,
            },
            "process_results": graded,
            "metric_list": [{"metric": "score", "aggregation": "mean", "higher_is_better": True}],
        }
    )


def hall(folder: Path, adapter: Path | None, count: int) -> Hall:
    """Base and adapter in memory, and the rows that the harness would not cut: it leaves room for the longest answer."""
    asked = config.load([*WORDS, *TRAINED, f"runtime.runs={folder}"])
    models.go_offline(asked.runtime)
    adapter = adapter or make([*WORDS, *TRAINED], "adapter", folder).folder / "adapter"
    tokenizer, weights = models.tokenizer_source(asked.base), models.weights_source(asked.base)
    base = models.load_base(weights, asked.adapted, asked.runtime)
    model = models.attach(base, adapter, models.base_contract(weights, tokenizer, asked.adapted))
    words, rows = models.load_tokenizer(tokenizer), read_exam(Path(exam(find("sql")).path))
    room = model.config.max_position_embeddings - asked.evaluate.max_new_tokens
    fitting = [row for row in rows if len(prompt_ids(words, row.messages)) <= room]
    return Hall(asked, model, words, sitting.chosen(fitting, count, asked.seed))


def fastest(hall: Hall) -> int | str:
    """The batch size with which the harness is fastest."""
    paces = {}
    for size in SIZES:
        tried = Contender("", harness(size))
        tried.sat.append(tried.sit(hall.first(TRIED)))
        paces[size] = tried.pace(hall.words)[0]
        console.print(f"  lm-evaluation-harness, batch size {size}: {paces[size]:.0f} tokens a CPU-s on {TRIED} rows")
    return max(paces, key=lambda size: paces[size])


def table(hall: Hall, contenders: Sequence[Contender]) -> Any:
    """A line per contender; the first is the factory."""
    first = contenders[0].sat[0]
    shown = columns("contender", "tokens a CPU-s", "the factory is", "CPU-s", "wall", "same answers", "score")
    for each in contenders:
        paces, last = each.pace(hall.words), each.sat[-1]
        ratios = [ours / pace for ours, pace in zip(contenders[0].pace(hall.words), paces, strict=True)]
        same = sum(a == b for a, b in zip(first.texts, last.texts, strict=True))
        shown.add_row(
            each.name,
            f"{statistics.median(paces):.0f} ({min(paces):.0f} to {max(paces):.0f})",
            f"{statistics.median(ratios):.2f} x",
            f"{statistics.median(one.cpu for one in each.sat):.1f}",
            f"{statistics.median(one.wall for one in each.sat):.1f}",
            f"{same} of {len(last.texts)}",
            f"{statistics.mean(last.scores):.4f}",
        )
    return shown


def main(words: list[str]) -> None:
    """The table, and every answer that differs."""
    reader = argparse.ArgumentParser(prog="python -m tests.benchmarks.evaluation")
    reader.add_argument("--rows", type=int, default=128)
    reader.add_argument("--rounds", type=int, default=3)
    reader.add_argument("--adapter", type=Path, help="of the SQL specialist on nano; without it one is trained")
    asked = reader.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        log_to(Path(folder))
        logging.disable(logging.WARNING)
        here = hall(Path(folder), asked.adapter, asked.rows)
        console.print("  ".join(f"{name} {value}" for name, value in made_with(here.asked.runtime).items()))
        size = fastest(here)
        contenders = [
            Contender("the factory", factory),
            Contender("the same, rows stay to the end", factory, whole_batches),
            Contender("and a cache that grows", factory, growing),
            Contender(f"lm-evaluation-harness, batch size {size}", harness(size)),
        ]
        for number in range(1, asked.rounds + 1):
            for each in contenders:
                each.sat.append(each.sit(here))
                console.print(f"  round {number}, {each.name}: {each.pace(here.words)[-1]:.0f} tokens a CPU-s")
        console.print(f"{len(here.rows)} rows of the SQL exam, {asked.rounds} rounds in turn")
        console.print(table(here, contenders))
        for ours, theirs in zip(contenders[0].sat[0].texts, contenders[-1].sat[-1].texts, strict=True):
            if ours != theirs:
                console.print(f"  differs: {ours!r} and {theirs!r}", markup=False)


if __name__ == "__main__":
    main(sys.argv[1:])
