"""The registry as pages read it: what the index holds now, a version by its name, and its evidence, fetched once."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import Lock

from factory import registry
from factory.config import Config
from factory.errors import FactoryError
from factory.lineage import place, reproduced
from factory.registry import Evidence, Fleet, Row

KEPT = 64
"""Versions whose evidence is kept in memory."""


class Reader:
    """Reads the registry of a configuration, for as long as a program lasts; it writes nothing to it."""

    def __init__(self, asked: Config) -> None:
        self.asked = asked
        self.one_at_a_time = Lock()
        self._evidence = lru_cache(KEPT)(self._read)

    def fleet(self) -> tuple[Fleet, str]:
        """Every version, and a line where that is not what there is now."""
        with self.one_at_a_time:  # the index is written by one thread
            return registry.now(self.asked.registry)

    def row(self, name: str) -> Row:
        """The version of that name: a number or alias of the configured model, or MODEL:NUMBER, MODEL@ALIAS."""
        return registry.named(self.fleet()[0], name, self.asked.registry.model)

    def evidence(self, row: Row) -> Evidence:
        """What the registry holds of a version; a comparison that came later is another key, and read anew."""
        return self._evidence(row.model, row.version, row.run, row.keys.get("comparison", ""))

    def _read(self, model: str, version: int, *_: str) -> Evidence:
        return registry.evidence(self.asked.registry, model, version)

    def folder(self, row: Row, product: str, key: str) -> Path:
        """Where a product of a version is on this machine, or would be."""
        runs = (Path(self.asked.runtime.runs), reproduced(self.asked, row.model, str(row.version)))
        return place([one / row.specialist for one in runs], product, key)

    def look_ahead(self) -> None:
        """Imports what the first evidence needs, which takes seconds; whatever is wrong is said when somebody asks."""
        with suppress(FactoryError):
            rows = self.fleet()[0].rows
            if rows:
                self.evidence(rows[-1])
