"""Two specialists of a user's own in one command: products side by side, the comparison, the page, and who fails alone."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from factory import config, exam, registry
from factory.cli import main

WORDS = ("specialist=sums,totals", "base=tiny", "profile=smoke", "runtime.workers=1")
ARMS = ("base", "examples", "nearest", "other", "random", "full")


@pytest.fixture
def two(in_sums_folder: Path) -> Path:
    """The specialists `sums` and `totals`, each the other's `other`; they differ in name alone."""
    shutil.copytree(in_sums_folder / "specialists/sums", in_sums_folder / "specialists/totals")
    text = (in_sums_folder / "conf/specialist/sums.yaml").read_text()
    for name, other in (("sums", "totals"), ("totals", "sums")):
        said = (
            f"{text.replace('name: sums', f'name: {name}')}\ncompare:\n  arms:\n    other:\n      specialist: {other}\n"
        )
        (in_sums_folder / f"conf/specialist/{name}.yaml").write_text(said)
        exam.draw_exam(config.load([f"specialist={name}", "base=tiny"]), lambda *_, **__: None)
    return in_sums_folder


def test_two_specialists_in_one_command(two: Path, factory, capsys: pytest.CaptureFixture[str]) -> None:
    done = factory("run", *WORDS)
    assert done.code == 5, done.err
    assert [line.split(": ")[1] for line in done.err.splitlines()] == ["sums", "totals"], "the gate holds both"
    for name in ("sums", "totals"):
        assert re.search(rf"^{name} +comparison made ", done.out, re.MULTILINE)
        assert re.search(rf"^{name} +registered made ", done.out, re.MULTILINE)
        (product,) = (two / "runs" / name).glob("comparison-*")
        text = (product / "comparison.html").read_text()
        assert all(f"<strong>{arm}</strong>" in text for arm in ARMS)
    assert "the adapter of totals" in done.out and "the adapter of sums" in done.out
    assert re.search(r"^specialist +adapter +base +examples +nearest +other +random +full", done.out, re.MULTILINE)
    page = (two / "runs/fleet.html").read_text()
    links = re.findall(r'href="([^"]+)"', page)
    assert len(links) == 4 and all((two / "runs" / link).is_file() for link in links)
    with registry.client(config.load(["specialist=sums", *WORDS[1:]]).registry) as ours:
        (version,) = registry.versions(ours, "factory.sums.tiny")
        metrics = ours.get_run(version.run_id).data.metrics
    assert {f"compare.{arm}.lead" for arm in ARMS} <= metrics.keys() and "comparison_key" in version.tags

    assert main(["plan", *WORDS]) == 0
    assert "to make" not in capsys.readouterr().out


def test_one_that_fails_does_not_stop_the_other(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = two / "specialists/sums/__init__.py"
    broken.write_text(broken.read_text().replace("return Rendered(", "return 1 / 0 or Rendered("))
    for name in [name for name in sys.modules if name.startswith("specialists")]:
        del sys.modules[name]  # drawing the exam has read it whole
    assert main(["filter", *WORDS, "runtime.jobs=1"]) == 70
    said = capsys.readouterr()
    assert re.search(r"^totals +kept +made ", said.out, re.MULTILINE)
    assert "sums      examples   failed; the others go on" in said.out
    assert "ZeroDivisionError" in said.err and "this is a bug" in said.err
