"""The gate: whether a report earns the alias. A list of checks, each a small function that gives findings.

    evidence    the exam: enough rows and families; better than the base; not worse than the champion
    data        no family, text or mark of the exam among what was trained on
    weights     alive, its weights named as PEFT loads them, on the base of this configuration
    conduct     it answers and does not refuse, repeats no training row, and leaves the base able to do the rest
    costs       bytes; tokens, seconds and money of an answer, where there is a budget

REJECT where a finding speaks against the version, else HOLD where one is too little to tell, else PROMOTE. It knows no
registry: who holds the alias is given, and what the registry gives back (docs/decisions/gate.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from factory import config, models
from factory.gate.conduct import conduct
from factory.gate.costs import affordable
from factory.gate.data import apart
from factory.gate.evidence import Champion, Sat, against_base, against_champion, enough
from factory.gate.findings import Finding, Verdict, read, verdict, written
from factory.gate.weights import alive, matching, sound
from factory.rows import read_table
from factory.store import Made

__all__ = ["Champion", "Finding", "Sat", "Verdict", "against_base", "gate", "read", "verdict", "written"]


def gate(
    planned: Mapping[str, Made],
    asked: config.Config,
    champion: Champion | None = None,
    before: int = 0,
    more: Iterable[Finding] = (),
) -> Verdict:
    """Whether this report earns the alias held by `champion`, after `before` versions that sat the same exam.

    `more` are findings of whoever asks, such as what the registry gives back.
    """
    report = json.loads(planned["report"].file("report.json").read_text())
    checkup = json.loads(planned["checkup"].file("checkup.json").read_text())
    counts = planned["adapter"].manifest["counts"]
    wanted = asked.registry.gate
    sat = Sat(
        report,
        read_table(planned["report"].file("answers.parquet")),
        wanted,
        wanted.tries or before + counts.get("tries", 1),
        asked.evaluate.bootstrap,
        asked.seed,
    )
    folder = planned["adapter"].file("adapter/adapter_model.safetensors").parent
    weights = models.weights_source(asked.base)
    return verdict(
        [
            *enough(sat),
            against_base(sat),
            *against_champion(sat, champion),
            *apart(planned, asked),
            alive(report["alive"], wanted),
            *sound(folder, weights),
            matching(folder, weights, asked),
            *conduct(checkup, wanted),
            *affordable(counts["adapter_bytes"], report, planned["report"].facts, wanted, asked.runtime.price_per_hour),
            *more,
        ]
    )
