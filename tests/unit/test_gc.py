"""What is kept beside the data path goes with the versions, adapters and bases that it is of; over a real registry."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from factory import gc, registry
from factory.config import Config
from factory.store import Made, digest, locked
from factory.suites.who import of_folder
from tests.products import made, offered
from tests.unit.conftest import Register


@pytest.fixture
def two(asked: Config, register: Register) -> Config:
    """A registry with two versions, the first retired; none of their products is one of the configuration."""
    register("one", adapter=0.4)
    register("two", adapter=0.5)
    registry.retire(asked.registry, "1", "enough")
    return asked


def measured(runs: Path, name: str, adapter: str | None = None, **more: Any) -> Made:
    """A cell or a sitting on the base of the configuration."""
    stage, key = Path(name).name.split(" ")[0], digest(name)
    folder = runs / Path(name).parent / f"{stage}-{key[:10]}"
    folder.mkdir(parents=True)
    (folder / "answers.parquet").write_bytes(b"rows")
    return made(folder, stage, key, {}, {"adapter": adapter, "weights": offered()["base_weights"], **more})


def gone(asked: Config) -> dict[str, str]:
    """What is left over, but for the products of the two versions."""
    found = gc.left({"sql": asked}, [Path(asked.runtime.runs, "pretrain/tiny-aaaaaaaaaa")])
    return {one.what: one.why for one in found if not one.what.endswith(("-one", "-two"))}


def test_measurements_go_with_the_adapter_that_they_measure(two: Config, tmp_path: Path) -> None:
    first, second = (of_folder(tmp_path / "sql" / f"adapter-{name}" / "adapter").digest for name in ("one", "two"))
    kept = [measured(tmp_path, f"{place} by two", second) for place in ("sql/cell", "general/cell", "suites/defog")]
    kept += [measured(tmp_path, f"{place} by base") for place in ("sql/cell", "general/cell", "suites/defog")]
    kept += [measured(tmp_path, "medical/cell by one", first)]
    lost = [measured(tmp_path, f"{place} by one", first) for place in ("sql/cell", "general/cell", "suites/defog")]
    lost += [measured(tmp_path, "suites/defog by a base", weights="f" * 64)]
    lost += [measured(tmp_path, "suites/defog gold", check="gold")]
    found = gone(two)
    assert set(found) == {str(one.folder) for one in lost}, "another specialist's folder is not looked at"
    assert found[str(lost[0].folder)] == "measures an adapter that no version, alias or named configuration has"
    assert found[str(lost[3].folder)].startswith("measures a base that no") and "gold" in found[str(lost[4].folder)]
    for one in gc.left({"sql": two}, []):
        one.remove()
    assert all(one.complete for one in kept) and not any(one.folder.exists() for one in lost)


def test_a_sitting_that_a_version_points_to_stays(two: Config, tmp_path: Path) -> None:
    """Also where its adapter is known by another name; and one of a specialist that is not named."""
    named = measured(tmp_path, "suites/defog pointed to", "a" * 64)
    with registry.client(two.registry) as ours:
        ours.set_model_version_tag(two.registry.model, "2", "suite.defog", named.key)
    others = measured(tmp_path, "suites/defog of full weights", "k" * 64)
    folder = tmp_path / "medical" / "adapter-kkkkkkkkkk"
    folder.mkdir(parents=True)
    made(folder, "adapter", "k" * 64, {})
    assert gone(two) == {}
    with registry.client(two.registry) as ours:
        ours.delete_model_version_tag(two.registry.model, "2", "suite.defog")
    assert set(gone(two)) == {str(named.folder)} and others.complete


def test_what_is_under_way_or_was_just_left_stays(two: Config, tmp_path: Path) -> None:
    held, half = measured(tmp_path, "suites/defog held", "a" * 64), measured(tmp_path, "suites/defog half", "a" * 64)
    (half.folder / "manifest.json").unlink()
    with locked(held.folder):
        assert gone(two) == {}
    for path in (*half.folder.rglob("*"), half.folder):
        os.utime(path, (1, 1))
    assert gone(two)[str(half.folder)] == "left by an interrupted run" and len(gone(two)) == 2


def test_pages_and_trainings_go_with_what_they_are_of(two: Config, tmp_path: Path) -> None:
    """A page with a version that is retired, and the training of a base that nobody asks for."""
    for name in ("sql/versions-tiny-2.html", "sql/versions-tiny-2-1.html", "sql/versions-nano-1.html", "sql/data.html"):
        (tmp_path / name).write_text("page")
    for name in ("tiny-aaaaaaaaaa", "tiny-bbbbbbbbbb"):
        (tmp_path / "pretrain" / name).mkdir(parents=True)
    found = gone(two)
    assert set(found) == {str(tmp_path / "sql/versions-tiny-2-1.html"), str(tmp_path / "pretrain/tiny-bbbbbbbbbb")}
    assert found[str(tmp_path / "sql/versions-tiny-2-1.html")] == "shows version 1, which nobody needs"
