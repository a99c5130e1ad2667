"""Code cannot change what a stage makes and keep its number; the smoke training learns as it did."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"golden_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PIN = loaded("pin")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the smoke profile makes here and now."""
    return PIN.made(tmp_path_factory.mktemp("runs"))


def difference(
    stage: str, wanted: dict[str, Any], found: dict[str, Any], libraries: tuple[dict[str, str], dict[str, str]]
) -> str:
    """What to do about a product that is not the pinned one, or nothing."""
    if found["version"] != wanted["version"]:
        return f"stage {stage} is version {found['version']}, pinned is {wanted['version']}: pin it with `make golden`"
    if found["key"] != wanted["key"]:
        return f"{stage} is asked for otherwise than when pinned (conf, exam or tiny base changed): pin it with `make golden`"
    if found["payload"] == wanted["payload"]:
        return ""
    others = [
        f"{name} {there[0]}, pinned with {there[1]}"
        for name in libraries[0]
        if (there := (libraries[0][name], libraries[1].get(name)))[0] != there[1]
    ]
    other = f" (or a library has: {', '.join(others)})" if others else ""
    return f"what stage {stage} makes has changed: raise its version and pin the new digest with `make golden`{other}"


@pytest.mark.parametrize("stage", PIN.BYTES)
def test_a_stage_makes_what_its_version_made(here: dict[str, Any], stage: str) -> None:
    wanted, found = PIN.pinned("versions"), here["versions"]
    why = difference(stage, wanted["stages"][stage], found["stages"][stage], (found["made_with"], wanted["made_with"]))
    assert not why, why


def test_the_specialist_has_the_version_that_is_pinned(here: dict[str, Any]) -> None:
    assert here["versions"]["specialists"] == PIN.pinned("versions")["specialists"], "pin it with `make golden`"


def test_the_loss_curve_is_the_one_that_is_pinned(here: dict[str, Any]) -> None:
    """Within 2 percent: other CPUs sum in another order."""
    wanted = PIN.pinned("curve")
    assert [set(point) for point in here["curve"]] == [set(point) for point in wanted]
    for point, was in zip(here["curve"], wanted, strict=True):
        assert point == pytest.approx(was, rel=2e-2), (
            "training has changed: raise the version of the stage `adapter` and run `make golden`"
        )


def test_the_loss_curve_lies_on_the_pinned_one_on_the_mean(here: dict[str, Any]) -> None:
    """Another order of sums scatters about it; a changed loss, mask or rate lies to one side: a thousandth is seen."""
    pairs = zip(here["curve"], PIN.pinned("curve"), strict=True)
    residuals = [point[name] / was[name] - 1 for point, was in pairs for name in ("loss", "eval_loss") if name in was]
    assert len(residuals) >= 12
    assert abs(sum(residuals) / len(residuals)) < 1e-3


def test_the_smoke_training_learns(here: dict[str, Any]) -> None:
    losses = [point["loss"] for point in here["curve"] if "loss" in point]
    assert sum(losses[-3:]) / 3 < sum(losses[:3]) / 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"payload": {"a": "2"}}, "what stage x makes has changed: raise its version"),
        ({"key": "l"}, "is asked for otherwise"),
        ({"version": 2}, "stage x is version 2, pinned is 1"),
        ({}, ""),
    ],
)
def test_a_difference_says_what_to_do(change: dict[str, Any], said: str) -> None:
    pinned = {"version": 1, "key": "k", "payload": {"a": "1"}}
    why = difference("x", pinned, {**pinned, **change}, ({"pyarrow": "2"}, {"pyarrow": "2"}))
    assert why.startswith(said) if said and "otherwise" not in said else said in why
    assert bool(why) == bool(change)
