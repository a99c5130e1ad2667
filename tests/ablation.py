"""What filters and verifier are worth: adapters trained on filtered, unfiltered and spoilt rows, everything else equal.

    python tests/ablation.py specialist=medical [KEY=VALUE ...]

Four arms, three seeds (of rows and training), the same number of steps and rows a step; each adapter sits the whole exam.
Prints each arm's score and what it lacks to the filtered arm, averaged over the seeds, with an interval over the exam's
families. It can be killed and goes on where it was.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

from factory import config, models, pipeline, store
from factory.display import columns, console
from factory.made_with import made_with
from factory.records import Example
from factory.rows import read_examples, read_table, write_examples
from factory.specialist import Inapplicable, find
from factory.stages.filter import held_back
from factory.stats import mean_interval, paired_bootstrap
from factory.store import Made, Stage

SEEDS = (0, 1, 2)
SPOILT = {"spoilt": 0.2, "half spoilt": 0.5}
"""Share of the rows whose answer is a wrong one, by arm."""
ARMS = {
    "filtered": "verified and filtered, as the factory does it",
    "unfiltered": "drawn and told, neither verified nor filtered",
    **{arm: f"filtered, then {share:.0%} of the answers replaced by wrong ones" for arm, share in SPOILT.items()},
}


def raw(specialist: config.Specialist, generate: config.Generate, seed: int, share: float) -> Iterator[Example]:
    """Rows as they are drawn."""
    task, index, found = find(specialist.name), 0, []
    settings = task.typed(specialist.settings)
    while len(found) < generate.rows:
        with suppress(Inapplicable):
            found.append(task.example(index, seed, settings, "train"))
        index += 1
    dev = held_back(Counter(row.family for row in found), share)
    return (replace(row, split="dev" if row.family in dev else "train") for row in found)


def spoilt(kept: Made, task: Any, seed: int, share: float) -> Iterator[Example]:
    """Kept rows, a share of them with a wrong answer."""
    for row in read_examples(kept.file("kept.parquet")):
        rng = Random(f"{row.id} {seed}")
        wrong = task.corrupt(task.state(**row.state)) if row.split == "train" and rng.random() < share else []
        yield replace(row, answer=rng.choice(wrong)) if wrong else row


def rows(
    arm: str,
    kept: Made,
    specialist: config.Specialist,
    generate: config.Generate,
    filter: config.FilterTable,
    seed: int,
    *,
    out: Path,
) -> dict[str, Any]:
    """Writes `kept.parquet` of an arm."""
    task = find(specialist.name)
    share = SPOILT.get(arm, filter["split"].dev_share)
    found = spoilt(kept, task, seed, share) if arm in SPOILT else raw(specialist, generate, seed, share)
    return {"kept": write_examples(out / "kept.parquet", found)}


def report(words: Sequence[str], arm: str, seed: int) -> list[dict[str, Any]]:
    """The answers of one arm and seed, graded."""
    asked = config.load([*words, f"seed={seed}"])
    models.go_offline(asked.runtime)
    runs, made = Path(asked.runtime.runs), {}
    own = Stage("kept", rows, version=1)
    for step in pipeline.steps(asked, "report"):
        name, given = step.stage.makes, step.given | {name: made[name] for name in step.given if name in made}
        usual = arm == "filtered" or name in ("examples", "kept")
        made[name] = run(step.stage, given, runs if usual else runs / "ablation", asked)
        if name == "kept" and arm != "filtered":
            about = {"arm": arm, "kept": made[name], "specialist": asked.specialist, "generate": asked.generate}
            about |= {"filter": asked.filter, "seed": seed}
            made[name] = run(own, about, runs / "ablation", asked)
    return read_table(made["report"].file("answers.parquet"))


def run(stage: Stage, given: dict[str, Any], runs: Path, asked: config.Config) -> Made:
    """The product, made unless it is there."""
    name = asked.specialist.name
    planned = store.plan(stage, given, {"specialist": find(name).version}, runs / name)
    return store.run(stage, given, planned, asked.runtime, lambda *_, **__: None, made_with(asked.runtime))


def main(words: Sequence[str]) -> None:
    """Runs what is missing and prints the table."""
    asked = config.load(words)
    with ProcessPoolExecutor(asked.runtime.jobs, mp_context=get_context("spawn")) as pool:
        coming = {(arm, seed): pool.submit(report, words, arm, seed) for seed in SEEDS for arm in ARMS}
        scores, groups = {}, []
        for (arm, seed), future in coming.items():
            answers = future.result()
            groups = [row["family"] for row in answers]
            right = scores[arm, seed] = [row["adapter_score"] for row in answers]
            console.print(f"{arm}, seed {seed}: {sum(right) / len(right):.1%} of {len(right)}")
    means = {
        arm: [sum(of) / len(SEEDS) for of in zip(*(scores[arm, seed] for seed in SEEDS), strict=True)] for arm in ARMS
    }
    how = (asked.evaluate.bootstrap, asked.evaluate.confidence, 0)
    sure = f"{asked.evaluate.confidence:.0%} interval"
    table = columns("rows", "exam, mean of three seeds", sure, "filtered is better by", sure)
    for arm, what in ARMS.items():
        score = mean_interval(means[arm], groups, *how)
        lead = paired_bootstrap(means[arm], means["filtered"], groups, *how)
        beside = (f"{100 * lead.value:+.1f}", f"{100 * lead.low:+.1f} to {100 * lead.high:+.1f}")
        cells = (f"{score.value:.1%}", f"{score.low:.1%} to {score.high:.1%}")
        table.add_row(f"{arm}: {what}", *cells, *(("", "") if arm == "filtered" else beside))
    console.print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
