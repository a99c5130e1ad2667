"""A product is found by what was asked, made once, and never taken for done before it is."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from factory import store
from factory.config import Config, load
from factory.errors import DataMistake, Unavailable
from factory.pipeline import steps
from factory.store import Made, Source, Stage

TINY = ["profile=smoke", "base=tiny"]


def events(*_: Any, **__: Any) -> None:
    """No one watches."""


def double(number: int, *, out: Path) -> dict[str, Any]:
    """A stage: writes twice the number."""
    (out / "sub").mkdir()
    (out / "sub" / "double.txt").write_text(str(2 * number))
    return {"rows": 1}


def made_of(stage: Stage, root: Path, **given: Any) -> Made:
    made = store.plan(stage, given, {"specialist": 1}, root)
    return store.run(stage, given, made, None, events, {"python": "3"})


@pytest.fixture
def done(tmp_path: Path) -> Made:
    return made_of(Stage("doubled", double, 1), tmp_path, number=21)


def keys(*overrides: str) -> dict[str, str]:
    return {step.made.stage: step.made.key for step in steps(load([*TINY, *overrides]))}


STAGES = ["examples", "kept", "tokens", "adapter", "report"]
CHANGES = {
    "generate.rows=121": "examples",
    "seed=1": "examples",
    "specialist.settings.spare_table=0.5": "examples",
    "filter.near_duplicate.threshold=0.8": "kept",
    "~filter.length": "kept",
    "tokenize.max_length=500": "tokens",
    "train.learning_rate=1e-3": "adapter",
    "train.lora.rank=8": "adapter",
    "base.weights.quantisation.double=false": "adapter",
    "evaluate.bootstrap=300": "report",
}
FREE = [
    "runtime.workers=1",
    "runtime.threads=1",
    "runtime.runs=elsewhere",
    "runtime.device=cpu",
    "runtime.price_per_hour=2.5",
    "registry.alias=best",
    "registry.gate.margin=0.1",
    "registry.gate.cost_per_1000=9",
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_redoes_its_stage_and_those_after_it(change: str) -> None:
    before, after = keys(), keys(change)
    first = STAGES.index(CHANGES[change])
    assert [before[name] == after[name] for name in STAGES] == [i < first for i in range(len(STAGES))]


@pytest.mark.parametrize("change", FREE)
def test_where_and_how_it_runs_is_in_no_key(change: str) -> None:
    assert keys() == keys(change)


def test_the_order_of_the_filters_is_in_the_key() -> None:
    asked = load(TINY)
    turned = dict(reversed(list(asked.filter.items())))
    assert dict(asked.filter) == turned, "the same filters, another order"
    other = Config.model_construct(**{**vars(asked), "filter": turned})
    first, second = ([step.made.key for step in steps(one, "kept")] for one in (asked, other))
    assert first[0] == second[0]
    assert first[1] != second[1]


def test_stage_version_specialist_version_and_source_are_in_the_key(tmp_path: Path) -> None:
    def stage(version: int) -> Stage:
        return Stage("read", lambda source: {}, version)

    def key(version: int = 1, specialist: int = 1, digest: str = "aa", path: str = "x") -> str:
        return store.plan(stage(version), {"source": Source(path, digest)}, {"specialist": specialist}, tmp_path).key

    assert len({key(), key(version=2), key(specialist=2), key(digest="bb")}) == 4
    assert key() == key(path="another/place"), "a source counts by its content"


def test_the_key_of_an_earlier_product_is_in_the_key(tmp_path: Path) -> None:
    one, two = (Made("doubled", key, tmp_path) for key in ("k1", "k2"))
    stage = Stage("next", lambda doubled: {}, 1)
    assert (
        store.plan(stage, {"doubled": one}, {}, tmp_path).key != store.plan(stage, {"doubled": two}, {}, tmp_path).key
    )


def test_the_folder_is_named_by_stage_and_key(tmp_path: Path) -> None:
    made = store.plan(Stage("doubled", double, 1), {"number": 1}, {}, tmp_path)
    assert made.folder == tmp_path / f"doubled-{made.key[:10]}"
    assert not made.folder.exists(), "a plan makes nothing"


def test_the_manifest_lists_every_payload_file_with_its_digest(done: Made) -> None:
    payload = done.manifest["payload"]
    assert payload == {"sub/double.txt": store.sha256(done.folder / "sub" / "double.txt")}
    assert done.manifest["asked"] == {"number": 21}
    assert done.facts["made_with"] == {"python": "3"}
    assert sorted(path.name for path in done.folder.iterdir()) == ["facts.json", "manifest.json", "sub"]


def test_the_manifest_holds_nothing_that_does_not_repeat(tmp_path: Path, done: Made) -> None:
    again = made_of(Stage("doubled", double, 1), tmp_path / "again", number=21)
    assert (done.folder / "manifest.json").read_bytes() == (again.folder / "manifest.json").read_bytes()


def test_the_manifest_is_written_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    real = store.write
    monkeypatch.setattr(store, "write", lambda path, text: (written.append(path.name), real(path, text)))
    made = made_of(Stage("doubled", double, 1), tmp_path, number=1)
    assert written == ["facts.json", "manifest.json"]
    newest = max(made.folder.rglob("*"), key=lambda path: path.stat().st_mtime_ns if path.is_file() else 0)
    assert newest.name == "manifest.json"


def test_a_second_run_makes_nothing(tmp_path: Path, done: Made) -> None:
    def never(number: int, *, out: Path) -> dict[str, Any]:
        raise AssertionError("made again")

    assert made_of(Stage("doubled", never, 1), tmp_path, number=21) == done


def test_a_stage_that_fails_is_not_done_and_runs_again(tmp_path: Path) -> None:
    def breaks(number: int, *, out: Path) -> dict[str, Any]:
        (out / "half.txt").write_text("half")
        raise RuntimeError("killed here")

    with pytest.raises(RuntimeError):
        made_of(Stage("doubled", breaks, 1), tmp_path, number=21)
    planned = store.plan(Stage("doubled", double, 1), {"number": 21}, {"specialist": 1}, tmp_path)
    assert not planned.complete
    made = made_of(Stage("doubled", double, 1), tmp_path, number=21)
    assert list(made.manifest["payload"]) == ["sub/double.txt"], "what was half made is gone"


def test_the_work_folder_survives_an_interruption_and_goes_in_the_end(tmp_path: Path) -> None:
    def resumes(number: int, *, out: Path) -> dict[str, Any]:
        shard = out / "work" / "shard"
        if not shard.exists():
            shard.write_text("found again")
            raise KeyboardInterrupt
        (out / "result.txt").write_text(shard.read_text())
        return {}

    with pytest.raises(KeyboardInterrupt):
        made_of(Stage("resumed", resumes, 1), tmp_path, number=1)
    made = made_of(Stage("resumed", resumes, 1), tmp_path, number=1)
    assert (made.folder / "result.txt").read_text() == "found again"
    assert not (made.folder / "work").exists()
    assert list(made.manifest["payload"]) == ["result.txt"]


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_damaged_payload_is_refused(done: Made, damage: str) -> None:
    path = done.folder / "sub" / "double.txt"
    assert done.file("sub/double.txt").read_text() == "42"
    path.write_text("43") if damage == "changed" else path.unlink()
    with pytest.raises(DataMistake, match="not the file that was made - delete"):
        done.file("sub/double.txt")


def test_a_folder_held_by_another_process_is_unavailable(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from factory.store import locked\n"
            "with locked(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()",
            str(tmp_path / "doubled-1"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Unavailable, match="another run is making this now"), store.locked(tmp_path / "doubled-1"):
            pass
        holder.kill()
        holder.wait()
        with store.locked(tmp_path / "doubled-1"):
            pass  # the kernel freed it with the process
    finally:
        holder.kill()
        holder.communicate()


def test_a_lock_whose_file_is_removed_is_waited_for_anew(tmp_path: Path) -> None:
    """As `gc` removes it: who waited holds a lock that others meet, not one on a file that is gone."""
    folder, file = tmp_path / "doubled-1", tmp_path / ".doubled-1.lock"

    def hold() -> bool:
        with store.locked(folder, wait=True):
            with pytest.raises(Unavailable), store.locked(folder):
                pass
            return file.exists()

    with ThreadPoolExecutor(1) as pool:
        with store.locked(folder):
            waits = pool.submit(hold)
            time.sleep(0.2)
            file.unlink()
        assert waits.result(10)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 160 KiB; skipped where mounting is not allowed."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(place)], capture_output=True)
    except FileNotFoundError:
        pytest.skip("no mount here: the full disk is only told by its error number")
    if mounted.returncode:
        pytest.skip("no right to mount a small disk: the full disk is only told by its error number")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def filled_by(write: Any) -> Any:
    def stage(number: int, *, out: Path) -> dict[str, Any]:
        write(out)
        return {}

    return stage


def plainly(out: Path) -> None:
    (out / "big").write_bytes(b"x" * 200_000)


def as_parquet(out: Path) -> None:
    import random

    from factory.rows import write_table

    write_table(out / "big.parquet", [{"a": random.Random(i).randbytes(100)} for i in range(2000)])


def as_weights(out: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(100_000)}, out / "big.safetensors")


def as_checkpoint(out: Path) -> None:
    import torch

    torch.save({"a": torch.zeros(100_000)}, out / "big.pt")


@pytest.mark.parametrize("write", [plainly, as_parquet, as_weights, as_checkpoint], ids=lambda write: write.__name__)
def test_a_really_full_disk_is_unavailable_whatever_writes(small_disk: Path, write: Any) -> None:
    """Every library says it in its own words; it must be one line either way, and the next run must go on."""
    with pytest.raises(Unavailable, match="the disk is full"):
        made_of(Stage("doubled", filled_by(write), 1), small_disk, number=21)
    made = made_of(Stage("doubled", double, 1), small_disk, number=21)
    assert (made.folder / "sub" / "double.txt").read_text() == "42"


def test_a_full_disk_by_its_error_number_is_unavailable_and_other_errors_are_not(tmp_path: Path) -> None:
    def raising(number: int) -> Any:
        def write(out: Path) -> None:
            raise OSError(number, "said by the system")

        return filled_by(write)

    with pytest.raises(Unavailable, match="the disk is full - free some space"):
        made_of(Stage("full", raising(errno.ENOSPC), 1), tmp_path, number=1)
    with pytest.raises(PermissionError):
        made_of(Stage("denied", raising(errno.EACCES), 1), tmp_path, number=1)


def test_a_full_disk_names_the_folder_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught, store.naming_a_full_disk(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(caught.value).startswith(f"{tmp_path}: the disk is full")


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    store.write(path, "old")
    with pytest.raises(TypeError):
        store.write(path, 5)  # type: ignore[arg-type]
    assert path.read_text() == "old"


def test_a_digest_knows_the_order_of_a_mapping_and_not_its_spacing() -> None:
    assert store.digest({"a": 1, "b": 2}) != store.digest({"b": 2, "a": 1})
    assert store.digest(json.loads('{ "a" : 1 }')) == store.digest({"a": 1})


def test_a_folder_digest_sees_content_names_and_absence(tmp_path: Path) -> None:
    seen = {store.folder_digest(tmp_path, ["a", "b"])}
    for name, text in (("a", "1"), ("b", "1"), ("b", "2")):
        (tmp_path / name).write_text(text)
        seen.add(store.folder_digest(tmp_path, ["a", "b"]))
    assert len(seen) == 4
    (tmp_path / "unnamed").write_text("x")
    assert store.folder_digest(tmp_path, ["a", "b"]) in seen
