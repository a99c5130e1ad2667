"""Where the files of versions lie: one that is away, or that needs a library, is one line, before hours go into a version."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from factory import config, registry
from factory.cli import main
from factory.errors import Mistake, Unavailable
from tests.products import WORDS, products

AWAY = "ftp://127.0.0.1:1/versions"
"""Nobody listens at that port; MLflow speaks FTP by the standard library, whose errors are no errors of MLflow."""


@pytest.mark.parametrize(
    ("place", "module", "library"),
    [
        ("s3://versions/ours", "boto3", "boto3"),
        ("wasbs://us@ours.blob.core.windows.net", "azure", "azure-identity azure"),
    ],
)
def test_a_library_that_is_missing_is_named(place: str, module: str, library: str, tmp_path: Path) -> None:
    if find_spec(module):
        pytest.skip(f"{module} is installed")
    asked = config.load([*WORDS, f"runtime.runs={tmp_path}", f"registry.artifact_location={place}"])
    with pytest.raises(Mistake) as error:
        registry.ready(asked.registry)
    assert f"needs {library}" in str(error.value) and f"which is not installed - pip install {library}" in str(
        error.value
    )


def test_a_kind_of_store_that_there_is_not_is_a_mistake(tmp_path: Path) -> None:
    asked = config.load([*WORDS, f"runtime.runs={tmp_path}", "registry.artifact_location=foo://versions"])
    with pytest.raises(Mistake, match="artifact store of registry .*: MLflow knows no such kind of address - write a"):
        registry.ready(asked.registry)


def test_a_store_that_is_away_stops_a_run_before_it_makes_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *WORDS, f"runtime.runs={tmp_path}/runs", f"registry.artifact_location={AWAY}"]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("factory: artifact store of registry") and "refused" in line
    assert not list(tmp_path.glob("runs/*"))


def test_one_that_goes_away_later_leaves_no_version(empty: Path, tmp_path: Path) -> None:
    asked = config.load([*WORDS, f"runtime.runs={tmp_path}", f"registry.artifact_location={AWAY}"])
    with pytest.raises(Unavailable, match="artifact store of registry"):
        registry.register(products(tmp_path), asked, lambda *_, **__: None)
    with registry.client(asked.registry) as ours:
        assert not registry.versions(ours)


def test_a_folder_and_a_sqlite_file_are_ready_and_not_made(tmp_path: Path) -> None:
    registry.ready(config.load([*WORDS, f"runtime.runs={tmp_path}/runs"]).registry)
    assert not (tmp_path / "runs").exists()
