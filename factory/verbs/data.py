"""Verbs of the rows: their page, what changed, their export, what they share with the exam."""

from __future__ import annotations

from factory.display import Display, plain
from factory.errors import GateRefused, Mistake
from factory.verbs.making import stage_verb
from factory.verbs.words import loaded, several


def data(verb: str, overrides: list[str], rest: list[str]) -> int:
    """Makes what is missing up to the kept rows, then the card of the data, of one specialist or several."""
    from factory.data_card import data_card
    from factory.pages.data_page import cells, heads

    if failed := stage_verb("filter", overrides, rest):
        return failed
    for asked in several(overrides).values():
        card = data_card(asked)
        Display(asked).table(heads(), cells(card.diversity))
        plain(f"page: {card.page}")
    return 0


def diff(verb: str, overrides: list[str], rest: list[str]) -> int:
    """Two versions of a specialist's data: what was asked, what came of it, and which rows they share."""
    from factory.difference import difference

    if len(rest) != 1:
        raise Mistake("diff", "which version?", "write the beginning of its key: factory diff kept-0123 specialist=sql")
    asked = loaded(overrides)
    found, display = difference(asked, rest[0]), Display(asked)
    versions = [found.old.folder.name, found.new.folder.name]
    display.table(["asked", *versions], found.asked or [("the same", "", "")])
    display.table(["rows", *versions], [(name, f"{old:,}", f"{new:,}") for name, old, new in found.counts])
    return 0


def export(verb: str, overrides: list[str], rest: list[str]) -> int:
    """The kept rows for others."""
    from factory.export import export as written

    if len(rest) != 1:
        raise Mistake(
            "export", "where to?", "write FILE.jsonl or hub:OWNER/NAME: factory export sql.jsonl specialist=sql"
        )
    plain(f"{rest[0]}: {written(loaded(overrides), rest[0]):,} rows")
    return 0


def overlap(verb: str, overrides: list[str], rest: list[str]) -> int:
    """What the exam shares with what was read before it; the gate's exit code where it must share nothing and does."""
    from factory.base.card import HEADS, cells, overlap_with
    from factory.overlap import leaks

    asked = loaded(overrides)
    with Display(asked) as display:
        lines = overlap_with(asked)
    display.table(HEADS, map(cells, lines))
    if found := leaks(lines):
        raise GateRefused(f"the exam of {asked.specialist.name}", "; ".join(found), "draw what leaks from another side")
    return 0
