"""The page of the data in a real browser without a network, the difference of two versions, and the export."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from factory.cli import main
from factory.data_card import said
from factory.rows import read_examples, read_jsonl
from factory.store import Made

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


CAPPED = ["filter.balance.cap=5", "filter.balance.budget=1"]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What to write for 300 rows of the SQL specialist."""
    place = tmp_path_factory.mktemp("data")
    return ["specialist=sql", "generate.rows=300", "runtime.workers=1", f"runtime.runs={place}"]


def kept(words: list[str], cap: int) -> Made:
    """The kept rows under that cap of filter.balance."""
    made = [Made("kept", path.name.removeprefix("kept-"), path) for path in runs(words).glob("sql/kept-*")]
    return next(one for one in made if one.manifest["asked"]["filter"]["balance"]["cap"] == cap)


def runs(words: list[str]) -> Path:
    return Path(words[-1].removeprefix("runtime.runs="))


@pytest.mark.skipif(BROWSER is None, reason="no browser here")
def test_the_page_opens_and_can_be_searched(words: list[str], tmp_path: Path) -> None:
    assert main(["data", *words, *CAPPED]) == 0
    page = runs(words) / "sql/data.html"
    asking = tmp_path / "asking.html"
    ask = "<script>place('words').value = 'JOIN where'; setTimeout(look, 500);</script></main>"
    asking.write_text(page.read_text().replace("</main>", ask))
    rows = [f"{row.prompt}\n{row.answer}\n{said(row)}".lower() for row in all_rows(kept(words, 5).folder)]
    assert f"of {len(rows)} rows" in opened(page)
    found = opened(asking)
    some = sum("join" in row and "where" in row for row in rows)
    assert 0 < some < len(rows)
    assert re.search(rf"1 to \d+ of {some} rows", found) and "JOIN</mark>" in found
    assert "balance: its kind is full" in found and "keywords of the answers" in found


def all_rows(folder: Path) -> list:
    return [*read_examples(folder / "kept.parquet"), *read_examples(folder / "dropped.parquet")]


def opened(page: Path) -> str:
    """What a browser makes of a page."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"]
    offline = ["--host-resolver-rules=MAP * ~NOTFOUND"]
    asked = [BROWSER, *flags, *offline, page.as_uri()]
    return subprocess.run(asked, capture_output=True, text=True, timeout=120, check=True).stdout


def test_an_export_is_read_back_and_stands_where_it_is(words: list[str], tmp_path: Path, capsys) -> None:
    assert main(["filter", *words]) == 0
    file = tmp_path / "deep/sql.jsonl"
    assert main(["export", str(file), *words]) == 0
    rows, own = list(read_jsonl(file)), list(read_examples(kept(words, 400).file("kept.parquet")))
    assert [row["messages"][-1]["content"] for row in rows] == [row.answer for row in own]
    assert [(row["id"], row["split"], row["tags"]) for row in rows] == [(row.id, row.split, row.tags) for row in own]
    capsys.readouterr()
    assert main(["export", str(file), *words]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(["export", str(tmp_path / "sql.csv"), *words]) == 2
    assert "hub:OWNER/NAME" in capsys.readouterr().err


def test_two_versions_are_told_apart(words: list[str], capsys) -> None:
    assert main(["filter", *words]) == main(["filter", *words, *CAPPED]) == 0
    old = kept(words, 400)
    capsys.readouterr()
    assert main(["diff", old.folder.name[:9], *words, *CAPPED]) == 0
    out = re.sub(" +", " ", capsys.readouterr().out)
    less = kept(words, 5).manifest["counts"]["kept"]
    assert "filter.balance.cap 400 5" in out and "generate.rows" not in out
    assert f"kept.kept {old.manifest['counts']['kept']} {less}" in out and f"rows said in both {less} {less}" in out
    assert main(["diff", old.key, *words]) == 0
    assert "the same" in capsys.readouterr().out
    assert main(["diff", "kept-nothing", *words]) == 2
    assert "no such version of the data" in capsys.readouterr().err
