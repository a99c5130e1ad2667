"""`factory growth`: an adapter on each snapshot of a base's training, and the table on the base's card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from factory.base.pretrain import workplace
from factory.config import data_dir, load

TINY = data_dir() / "base" / "tiny"


def test_every_snapshot_gets_an_adapter_and_a_line_on_the_card(
    beside: Callable[[str], tuple[Path, tuple[str, ...]]], factory, tmp_path: Path
) -> None:
    _, words = beside("tokens")
    words = (*words, "pretrain=tiny", f"pretrain.out={tmp_path / 'made'}", "train.steps=2", "evaluate.rows=4")
    made = shutil.copytree(TINY, tmp_path / "made")
    (made / "curve.jsonl").write_text(json.dumps({"step": 2, "tokens": 2000}) + "\n")
    assert "no snapshots of this base" in factory("growth", *words).complaint

    conf = load(words)
    early = shutil.copytree(TINY, workplace(conf.pretrain, conf.runtime) / "snapshot-1")
    (early / "tokens").write_text("900\n")
    for _ in range(2):
        done = factory("growth", *words)
        assert done.code == 0, done.err
        card = (made / "README.md").read_text()
        table = card.partition("## The exam against what the base has read")[2]
        assert card.startswith("---\nlicense") and card.count("## The exam against") == 1
        lines = [line.split("|") for line in table.splitlines() if line.startswith("| sql")]
        assert [line[2].strip() for line in lines] == ["900", "2,000"]
        assert all(line[3].strip().endswith("%") for line in lines)
