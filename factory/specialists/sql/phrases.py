"""The phrases of every act of a question, read from `data/sql/phrases.yaml`.

A phrase that starts with `~` is held out: training rows never use it, and the exam says which of its rows do. Slots in
braces are filled by `render.py`. An act has one name in the whole file, because lineage reads these names.
"""

from __future__ import annotations

import yaml

from factory.specialist import data_folder

Phrases = tuple[str, ...]


def read() -> dict[str, dict[str, Phrases]]:
    """All tables of the file: table to act to its phrases."""
    tables = yaml.load((data_folder("sql") / "phrases.yaml").read_text(), yaml.CSafeLoader)
    return {table: {act: tuple(block.splitlines()) for act, block in acts.items()} for table, acts in tables.items()}


TABLES = read()
ACTS = {act: told for acts in TABLES.values() for act, told in acts.items()}
AGGREGATES = TABLES["aggregates"]
PLAIN = frozenset(
    (
        "two_filters",
        "join_list",
        "two_joins",
        "join_both",
        "against_average",
        "equals_extreme",
        "without_any",
        "with_some",
    )
)
"""Patterns whose question is a plain list: what differs is the noun."""
