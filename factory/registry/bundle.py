"""A version as one file that can be carried: adapter, contract, card, report, curve, configuration, manifests, tags.

The file is a zip without compression, its entries sorted and their times fixed: the same version gives the same bytes.
`digests.json` names every other entry with its sha256. Reading one trusts nothing: each entry is held against its digest,
and the file against what these entries would be written as, so that no byte can differ unseen. That finds accidents, and
changes by whoever does not change the digests too; a bundle is not signed.
"""

from __future__ import annotations

import json
import re
import shutil
import stat
import struct
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from factory import config
from factory.errors import DataMistake, Mistake
from factory.registry.door import KEY, address, chosen, client, find, held_by, writing
from factory.registry.events import CANDIDATE, RETIRED, move
from factory.registry.evidence import chunks
from factory.registry.index import row_from
from factory.registry.registering import MOVED, begin, experiment_id, publish
from factory.store import sha256

SCHEME = 1
"""Version of the layout below."""
WHEN = (1980, 1, 1, 0, 0, 0)
"""The time of every entry: the first that a zip can say."""
ABOUT, DIGESTS = "bundle.json", "digests.json"
ENDINGS = (".json", ".jsonl", ".safetensors", ".md", ".html", ".parquet", ".txt")
"""Names that files of a version end with; weights are safetensors, and nothing that runs code when it is read."""
PICKLED = re.compile(rb"\x80[\x02-\x05]|PK\x03\x04")
"""How a pickle begins, and what torch.save writes around one."""


@dataclass(frozen=True)
class Imported:
    """The version that a bundle became, and whether it was there already."""

    model: str
    version: str
    found: bool


def export(settings: config.Registry, wanted: str, target: Path) -> str:
    """Writes the version of that number or alias to a file; the version's number."""
    if target.suffix != ".zip":
        raise Mistake(str(target), "is no name of a bundle", "let it end with .zip")
    with client(settings) as ours, tempfile.TemporaryDirectory() as place:
        from mlflow.artifacts import download_artifacts

        version, folder, raw = chosen(ours, settings, wanted), Path(place, "bundle"), Path(place, "raw")
        folder.mkdir()
        run = ours.get_run(version.run_id)
        for name, uri in (("version", version.source), ("run", run.info.artifact_uri)):
            (raw / name).mkdir(parents=True)
            got = download_artifacts(
                artifact_uri=uri, dst_path=str(raw / name), tracking_uri=address(settings.tracking_uri)
            )
            shutil.move(Path(got), folder / name)
        history = [
            [point.key, point.value, point.timestamp, point.step]
            for name in sorted(run.data.metrics)
            for point in ours.get_metric_history(version.run_id, name)
        ]
        about = {
            "scheme": SCHEME,
            "model": version.name,
            "experiment": settings.experiment,
            "run": run.info.run_name,
            "tags": {name: value for name, value in sorted(version.tags.items()) if name not in (MOVED, RETIRED)},
            "params": dict(sorted(run.data.params.items())),
            "metrics": history,
            "logged": dict(sorted(ours.get_logged_model(version.source.removeprefix("models:/")).params.items())),
        }
        (folder / ABOUT).write_text(json.dumps(about, indent=1, sort_keys=True))
        (folder / DIGESTS).write_text(json.dumps({name: sha256(folder / name) for name in files(folder)}, indent=1))
        new = target.with_name(f".{target.name}.new")
        pack(folder, new)
        new.replace(target)
        return str(version.version)


def files(folder: Path) -> list[str]:
    """The files of a folder and those below it, by name, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def pack(folder: Path, target: Path) -> None:
    """The folder as a zip that depends on names and bytes alone."""
    with zipfile.ZipFile(target, "w") as packed:
        for name in files(folder):
            entry = zipfile.ZipInfo(name, WHEN)
            entry.create_system, entry.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            entry.file_size = (folder / name).stat().st_size
            with (folder / name).open("rb") as source, packed.open(entry, "w") as written:
                shutil.copyfileobj(source, written)


def import_bundle(registry: config.Registry, path: Path) -> Imported:
    """Registers the version of a bundle with its evidence, as candidate: nothing if that report is registered already."""
    with unpacked(path) as (folder, about):
        settings = named(registry, about, path)
        key = about["tags"][KEY]
        with client(settings) as ours, writing(settings):
            version = find(ours, settings.model, key)
            found = version is not None
            if version is None:
                version = registered(ours, settings, folder, about)
            if MOVED not in version.tags and RETIRED not in version.tags:
                move(
                    ours,
                    version,
                    "import",
                    CANDIDATE,
                    held_by(ours, settings.model, CANDIDATE),
                    f"from {path.name}"[:200],
                )
                ours.set_model_version_tag(settings.model, version.version, MOVED, CANDIDATE)
            return Imported(settings.model, str(version.version), found)


def registered(ours: Any, settings: config.Registry, folder: Path, about: Mapping[str, Any]) -> Any:
    """A run with the bundle's evidence, and the version last."""
    from mlflow.entities import Metric, Param

    tags = about["tags"]
    experiment, key = experiment_id(ours, settings), tags[KEY]
    run = begin(ours, experiment, key, about["run"])
    for part in chunks([Param(name, value) for name, value in about["params"].items()]):
        ours.log_batch(run, params=part)
    for part in chunks([Metric(*point) for point in about["metrics"]]):
        ours.log_batch(run, metrics=part)
    for place in sorted((folder / "run").iterdir()):
        ours.log_artifact(run, str(place)) if place.is_file() else ours.log_artifacts(run, str(place), place.name)
    model = ours.create_logged_model(
        experiment,
        name=tags["specialist"],
        source_run_id=run,
        model_type="lora-adapter",
        tags={KEY: key},
        params=about["logged"],
    )
    about_it = f"{tags['specialist']} adapters on {tags['base']}"
    return publish(ours, settings, run, model, folder / "version", tags, about_it)


def named(registry: config.Registry, about: Mapping[str, Any], path: Path) -> config.Registry:
    """The registry with the names of the bundle; they come from outside, so they are checked like any."""
    names = {name: about[name] for name in ("model", "experiment")}
    try:
        return config.Registry.model_validate(registry.model_dump() | names)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise DataMistake(f"{path}: {first['loc'][0]}", first["msg"].removeprefix("Value error, ")) from None


@contextmanager
def unpacked(path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The files of a bundle and what it says of itself, every byte verified; DataMistake names what is wrong."""
    if not path.is_file():
        raise Mistake(str(path), "no such file", "write it with: factory bundle VERSION FILE.zip")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "bundle")
        folder.mkdir()
        try:
            with zipfile.ZipFile(path) as packed:
                for entry in packed.infolist():
                    take(entry, packed, folder, path)
        except (zipfile.BadZipFile, struct.error, ValueError, RuntimeError, EOFError, OverflowError, OSError) as error:
            raise broken(path, f"is damaged: {error}") from error
        about = verified(folder, path)
        pack(folder, Path(place, "again"))
        if sha256(Path(place, "again")) != sha256(path):
            raise broken(path, "has bytes outside its files that nobody wrote")
        yield folder, about


def broken(path: Path, what: str) -> DataMistake:
    """What is wrong with a bundle."""
    return DataMistake(str(path), what, "take the file again from where it was written")


def take(entry: zipfile.ZipInfo, packed: zipfile.ZipFile, folder: Path, path: Path) -> None:
    """One entry to its place in the folder; refused where its name leads out of it, or it is no plain file of a version."""
    name, parts = entry.filename, PurePosixPath(entry.filename).parts
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if name.startswith("/") or ".." in parts or "\\" in name or ":" in name or PurePosixPath(name).as_posix() != name:
        raise broken(path, f"{name!r} leads out of the bundle")
    if kind not in (0, stat.S_IFREG) or entry.is_dir():
        raise broken(path, f"{name!r} is no plain file")
    if not name.endswith(ENDINGS):
        raise broken(path, f"{name!r} is no file of a version: pickles and programs are never taken")
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
        raise broken(path, f"{name!r} is compressed or encrypted, which bundles are not")
    target = folder / name
    if target.exists():
        raise broken(path, f"{name!r} is there twice")
    target.parent.mkdir(parents=True, exist_ok=True)
    with packed.open(entry) as source, target.open("wb") as written:
        shutil.copyfileobj(source, written)
    with target.open("rb") as file:
        if PICKLED.match(file.read(4)):
            raise broken(path, f"{name!r} holds a pickle: pickles are never loaded")


def verified(folder: Path, path: Path) -> dict[str, Any]:
    """What a bundle says of itself, once every file is the one that its digest names."""
    listed, there = said(folder / DIGESTS, path), files(folder)
    for name in sorted({*listed, *there} - {DIGESTS}):
        if name not in there:
            raise broken(path, f"{name!r} is missing")
        if listed.get(name) != sha256(folder / name):
            raise broken(
                path, f"{name!r} is not the file that was written" if name in listed else f"{name!r} is not listed"
            )
    about = said(folder / ABOUT, path)
    if about.get("scheme") != SCHEME:
        what = f"has layout {about.get('scheme')}, this is {SCHEME}"
        raise DataMistake(str(path), what, "import it with the factory that wrote it")
    try:
        whole(about)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise broken(path, f"does not say what a version says: {error}") from error
    return about


def whole(about: Mapping[str, Any]) -> None:
    """Reads all that a bundle says of its version, as registering and the index will; anything raised is a fault of it."""
    tags = about["tags"]
    if not all(
        isinstance(value, str) for value in (*tags.values(), *about["params"].values(), *about["logged"].values())
    ):
        raise ValueError("a tag or parameter is no text")
    if not re.fullmatch(r"[0-9a-f]{64}", tags[KEY]):
        raise ValueError("it names no report")
    for name, value, when, step in about["metrics"]:
        int(when), int(step), float(value), name.encode()
    for name in ("model", "experiment", "run"):
        about[name].encode()
    row_from(about["model"], tags)


def said(file: Path, path: Path) -> dict[str, Any]:
    """A JSON mapping of the bundle."""
    if not file.exists():
        raise broken(path, f"has no {file.name}: it is no bundle")
    try:
        found = json.loads(file.read_text())
    except ValueError as error:
        raise broken(path, f"{file.name} is no JSON") from error
    if not isinstance(found, dict):
        raise broken(path, f"{file.name} is no mapping")
    return found
