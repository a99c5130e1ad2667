"""`factory sweep`: a grid of configurations, each a run of its own. The one verb that `@hydra.main` owns.

Its grammar of sweeps is the reason to have it there. Points run one after another: a launcher of other processes would lose
their exit codes.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from factory.config import conf_dir, search_path, user_conf_dir
from factory.errors import Mistake


def points(overrides: list[str]) -> list[list[str]]:
    """Every point of the grid as plain overrides, so that all can be checked before the first starts.

    Mistake where a word is no override, or asks Hydra for the options that match a pattern.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Glob
    from hydra.errors import HydraException

    choices = []
    for text in overrides:
        if text.startswith("hydra"):
            continue
        try:
            override = OverridesParser.create().parse_override(text)
        except HydraException:
            raise Mistake(text, "not an override", "write key=value or key=value,value") from None
        if isinstance(override.value(), Glob):
            raise Mistake(text, "patterns are not looked up", "write the options: specialist=sql,medical")
        values = override.sweep_string_iterator() if override.is_sweep_override() else None
        choices.append([f"{override.get_key_element()}={value}" for value in values] if values else [text])
    return [list(point) for point in itertools.product(*choices)]


def sweep(overrides: list[str], run: Callable[[list[str]], int]) -> int:
    """Gives every point to `run` in turn; returns the highest exit code. Mistake where Hydra itself is asked wrongly."""
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.errors import HydraException

    codes = []

    def job(_: object) -> None:
        words = [text for text in HydraConfig.get().overrides.task if not text.startswith("hydra")]
        task = [text.removesuffix("=null") if text.startswith("~") else text for text in words]  # as it was written
        with apart():
            codes.append(run(task))

    with TemporaryDirectory() as place:
        sys.argv = [
            "factory sweep",
            "--multirun",
            f"hydra.sweep.dir={place}",
            "hydra.output_subdir=null",
            "hydra/job_logging=none",
            "hydra/hydra_logging=none",
            *search_path(user_conf_dir()),
            *overrides,
        ]
        os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra throws what it would print, and ends no process
        try:
            hydra.main(config_path=str(conf_dir()), config_name="config", version_base="1.3")(job)()
        except HydraException as error:
            said = str(error).strip().splitlines()[0]
            raise Mistake("sweep", f"Hydra says: {said}", "look at the words that begin with hydra") from error
    return max(codes, default=0)


@contextmanager
def apart() -> Iterator[None]:
    """Without the Hydra that is at the sweep: there is one at a time, and a run composes its own configuration."""
    from hydra.core.global_hydra import GlobalHydra

    sweeping = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = sweeping
