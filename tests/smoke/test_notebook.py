"""The notebook runs from top to bottom, in a folder that is not the clone, on the embedded random base."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent.parent
NOTEBOOK = ROOT / "notebooks" / "01_one_specialist.ipynb"
MORE = "base=tiny runtime.threads=1 runtime.workers=1 train.steps=12"
SECONDS = 600
"""For one cell, on a machine with other work to do."""


@pytest.fixture(scope="module")
def written() -> nbformat.NotebookNode:
    """The notebook as it is in git."""
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, nbformat.NotebookNode]:
    """Its code cells by id, run in order in one kernel; an error in a cell is an error here, with its traceback."""
    folder = tmp_path_factory.mktemp("notebook")
    places = {name: str(folder / name.lower()) for name in ("IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**places, "FACTORY_NOTEBOOK": MORE}.items():
            patch.setenv(name, value)
        NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(folder)}}).execute()
    return {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}


def said(cell: nbformat.NotebookNode, stream: str = "stdout") -> str:
    """What a cell printed."""
    return "".join(output.text for output in cell.outputs if output.output_type == "stream" and output.name == stream)


def shown(cell: nbformat.NotebookNode, kind: str) -> list[str]:
    """What a cell showed of a kind: text/html, image/png."""
    return [output.data[kind] for output in cell.outputs if kind in output.get("data", {})]


def test_it_is_kept_without_outputs(written: nbformat.NotebookNode) -> None:
    nbformat.validate(written)
    code = [cell for cell in written.cells if cell.cell_type == "code"]
    assert len(code) > 10 and all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert set(written.metadata) == {"kernelspec", "language_info"}
    assert str(Path.home()) + os.sep not in NOTEBOOK.read_text() and str(ROOT) not in NOTEBOOK.read_text()


def test_every_cell_runs_and_none_complains(executed: dict[str, nbformat.NotebookNode]) -> None:
    assert [cell.execution_count for cell in executed.values()] == list(range(1, len(executed) + 1))
    assert {name: said(cell, "stderr") for name, cell in executed.items() if said(cell, "stderr")} == {}


def test_every_picture_is_drawn(executed: dict[str, nbformat.NotebookNode]) -> None:
    drawn = {name: shown(cell, "image/png") for name, cell in executed.items() if shown(cell, "image/png")}
    assert set(drawn) == {"fates-code", "train-code", "exam-code"}
    assert all(len(pictures) == 1 and len(pictures[0]) > 5000 for pictures in drawn.values())


def test_the_trained_span_is_shown_and_families_are_apart(executed: dict[str, nbformat.NotebookNode]) -> None:
    (page,) = shown(executed["span-code"], "text/html")
    assert page.count("<b style") == 3 and page.count("SELECT ") >= 3 and "fate: kept" in page
    (table,) = shown(executed["families-code"], "text/plain")
    counts = [[int(number) for number in line.split()[1:]] for line in table.splitlines()[1:]]
    assert len(counts) == 3
    assert all((count > 0) == (i == j) for i, row in enumerate(counts) for j, count in enumerate(row))


def test_the_command_line_says_what_the_text_around_it_promises(executed: dict[str, nbformat.NotebookNode]) -> None:
    assert "did you mean 'train'?" in said(executed["configuration-code"])
    assert not [name for name, cell in executed.items() if "\x1b" in said(cell)], "marks meant for a terminal"
    assert "factory.sql.tiny version 1" in said(executed["registry-code"])
    assert "(exit code 5)" in said(executed["registry-code"]) and "at least 100 wanted" in said(
        executed["registry-code"]
    )
    plan = said(executed["again-code"])
    assert {line.split()[0]: "found" in line for line in plan.splitlines() if "runs/notebook/sql/" in line}.items() >= {
        "examples": True,
        "kept": True,
        "tokens": True,
        "adapter": False,
        "report": False,
    }.items()


def test_readme_and_notebook_name_each_other(written: nbformat.NotebookNode) -> None:
    assert NOTEBOOK.relative_to(ROOT).as_posix() in (ROOT / "README.md").read_text()
    assert "(../README.md)" in "".join(cell.source for cell in written.cells)
