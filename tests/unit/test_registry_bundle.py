"""A version travels as one file: the same bytes each time, every byte verified, nothing taken that could run."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from factory import config, registry
from factory.cli import main
from factory.errors import DataMistake
from factory.registry.bundle import ABOUT, DIGESTS, files, pack, unpacked
from factory.store import sha256
from tests.products import WORDS, products

TAGS = {
    "factory.key": "a" * 64,
    "factory.gate": '{"passed": true, "reasons": []}',
    "specialist": "sql",
    "base": "tiny",
    "score_adapter": "0.4",
    "score_base": "0.1",
    "difference": "+0.3000 [+0.2000, +0.4000]",
    "exam": "e",
    "exam_rows": "4",
    "rank": "8",
    "adapter_bytes": "2048",
}
ABOUT_IT = {"scheme": 1, "model": "factory.sql.tiny", "experiment": "factory/sql", "run": "r", "tags": TAGS}
ABOUT_IT |= {"params": {"seed": "0"}, "metrics": [["exam.adapter", 0.4, 1, 0]], "logged": {"rank": "8"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a bundle holds, beside where it is packed."""
    place = tmp_path / "content"
    for name, text in {
        "version/adapter_model.safetensors": "weights",
        "version/README.md": "card",
        "run/report/report.json": "{}",
        ABOUT: json.dumps(ABOUT_IT),
    }.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    return place


def packed(folder: Path) -> Path:
    """The folder as a bundle, its digests right."""
    (folder / DIGESTS).unlink(missing_ok=True)
    (folder / DIGESTS).write_text(json.dumps({name: sha256(folder / name) for name in files(folder)}))
    pack(folder, folder.parent / "one.zip")
    return folder.parent / "one.zip"


def refused(path: Path) -> str:
    """What is said of a bundle that is not taken."""
    with pytest.raises(DataMistake) as error, unpacked(path):
        pass
    return str(error.value)


def test_a_whole_bundle_is_read(folder: Path) -> None:
    with unpacked(packed(folder)) as (place, about):
        assert about["tags"]["factory.key"] == "a" * 64
        assert (place / "version" / "adapter_model.safetensors").read_text() == "weights"


def test_no_byte_can_differ_unseen(folder: Path) -> None:
    whole, rng = packed(folder).read_bytes(), Random(0)
    for place in {*range(64), *range(len(whole) - 64, len(whole)), *rng.sample(range(len(whole)), 200)}:
        (folder.parent / "one.zip").write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert refused(folder.parent / "one.zip").startswith(str(folder.parent / "one.zip")), place
    for end in (0, 10, len(whole) // 2, len(whole) - 1):
        (folder.parent / "one.zip").write_bytes(whole[:end])
        assert refused(folder.parent / "one.zip")
    (folder.parent / "one.zip").write_bytes(whole + b"more")
    assert refused(folder.parent / "one.zip")


def test_a_changed_file_is_named(folder: Path) -> None:
    packed(folder)
    (folder / "version" / "adapter_model.safetensors").write_text("Weights")
    pack(folder, folder.parent / "one.zip")
    assert "'version/adapter_model.safetensors' is not the file that was written" in refused(folder.parent / "one.zip")
    (folder / "version" / "adapter_model.safetensors").unlink()
    pack(folder, folder.parent / "one.zip")
    assert "'version/adapter_model.safetensors' is missing" in refused(folder.parent / "one.zip")


HOSTILE: dict[str, tuple[str, bytes, Callable[[zipfile.ZipInfo], object]]] = {
    "'/etc/a.json' leads out": ("/etc/a.json", b"", lambda one: None),
    "'../a.json' leads out": ("../a.json", b"", lambda one: None),
    "'version/../../a.json' leads out": ("version/../../a.json", b"", lambda one: None),
    "'C:/a.json' leads out": ("C:/a.json", b"", lambda one: None),
    "'a\\\\b.json' leads out": ("a\\b.json", b"", lambda one: None),
    "'version/link.json' is no plain file": (
        "version/link.json",
        b"/etc/passwd",
        lambda one: setattr(one, "external_attr", (stat.S_IFLNK | 0o777) << 16),
    ),
    "'version/adapter_model.bin' is no file of a version": ("version/adapter_model.bin", b"", lambda one: None),
    "'run.py' is no file of a version": ("run.py", b"", lambda one: None),
    "'version/a.safetensors' holds a pickle": ("version/a.safetensors", b"\x80\x04K\x01.", lambda one: None),
    "'version/b.safetensors' holds a pickle": ("version/b.safetensors", b"PK\x03\x04", lambda one: None),
    "'version/README.md' is there twice": ("version/README.md", b"", lambda one: None),
    "'a.json' is compressed": ("a.json", b"{}", lambda one: setattr(one, "compress_type", zipfile.ZIP_DEFLATED)),
    "'more.json' is not listed": ("more.json", b"{}", lambda one: None),
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_is_not_taken(folder: Path, what: str) -> None:
    path = packed(folder)
    name, content, change = HOSTILE[what]
    entry = zipfile.ZipInfo(name)
    change(entry)
    with zipfile.ZipFile(path, "a") as more:
        more.writestr(entry, content)
    assert what in refused(path)
    assert not (folder.parent / "a.json").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scheme": 2}, "has layout 2, this is 1 - import it with the factory that wrote it"),
        ({"tags": {}}, "does not say what a version says: 'factory.key'"),
        ({"tags": TAGS | {"factory.key": "../.."}}, "it names no report"),
        ({"tags": TAGS | {"factory.gate": "yes"}}, "does not say what a version says"),
        ({"tags": TAGS | {"rank": 8}}, "a tag or parameter is no text"),
        ({"metrics": [1]}, "does not say what a version says"),
    ],
)
def test_what_does_not_describe_a_version(folder: Path, change: dict, said: str) -> None:
    (folder / ABOUT).write_text(json.dumps(ABOUT_IT | change))
    assert said in refused(packed(folder))


@pytest.mark.parametrize("name", ["a/b", "a:b", "..", "it's", "a\U0001f600", "x" * 300])
def test_a_name_from_outside_is_checked_like_any(folder: Path, name: str) -> None:
    (folder / ABOUT).write_text(json.dumps(ABOUT_IT | {"model": name}))
    with pytest.raises(DataMistake, match="model: has "):
        registry.import_bundle(config.load([*WORDS, f"runtime.runs={folder.parent}"]).registry, packed(folder))
    assert not (folder.parent / "mlflow.db").exists()


def test_a_version_travels_to_another_registry(
    asked, empty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.register(products(tmp_path), asked, lambda *_, **__: None)
    one, again, other = tmp_path / "one.zip", tmp_path / "again.zip", tmp_path / "other"
    for path in (one, again):
        assert registry.export(asked.registry, "champion", path) == "1"
    assert one.read_bytes() == again.read_bytes()
    other.mkdir()
    (other / "mlflow.db").write_bytes(empty.read_bytes())
    there = [f"runtime.runs={other}", "profile=smoke"]  # and another model's configuration: the bundle says whose it is
    assert main(["import", str(one), *there]) == 0 and main(["import", str(one), *there]) == 0
    assert capsys.readouterr().out.split("\n")[:2] == [
        f"{one}: factory.sql.tiny version 1, made",
        f"{one}: factory.sql.tiny version 1, found",
    ]
    theirs = config.load([*WORDS, f"runtime.runs={other}"])
    (before,), (after,) = (registry.fleet(each.registry).rows for each in (asked, theirs))
    assert (after.aliases, after.score, after.keys) == (("candidate",), before.score, before.keys)
    registry.export(theirs.registry, "1", tmp_path / "back.zip")
    with unpacked(one) as (first, about), unpacked(tmp_path / "back.zip") as (second, same):
        assert about == same
        assert {name: sha256(first / name) for name in files(first)} == {
            name: sha256(second / name) for name in files(second)
        }
