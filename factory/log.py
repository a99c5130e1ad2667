"""Where the libraries' chatter goes: a log beside the products, never between the lines a person reads."""

from __future__ import annotations

import logging
from pathlib import Path


def log_to(runs: Path) -> None:
    """Warnings and all that is logged go to `factory.log` in the folder of the runs."""
    runs.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=runs / "factory.log",
        level=logging.WARNING,
        format="%(asctime)s %(name)s %(levelname)s %(message)s",
        force=True,
    )
    logging.captureWarnings(True)
