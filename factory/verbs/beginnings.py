"""Verbs of what a run begins with: an embedded base, its growth, a specialist and its exam."""

from __future__ import annotations

from factory.display import Display, plain
from factory.errors import Mistake
from factory.verbs.making import stage_verb
from factory.verbs.words import loaded, several


def pretrain(verb: str, overrides: list[str], rest: list[str]) -> int:
    """Makes an embedded base."""
    from factory import models
    from factory.base.pretrain import make

    asked = loaded(overrides)
    models.go_offline(asked.runtime)
    with Display(asked) as display:
        folder = make(asked.pretrain, asked.runtime, display.event)
    plain(f"{folder} is made")
    return 0


def growth(verb: str, overrides: list[str], rest: list[str]) -> int:
    """Adapters on every snapshot of the base's training, each with its report, and the table on the base's card."""
    from factory.base.pretrain import grown
    from factory.growth import COLUMNS, line, on_the_card

    first, lines = next(iter(several(overrides).values())), []
    for tokens, weights in grown(first.pretrain, first.runtime):
        words = [*overrides, f"base.weights.path={weights}"]
        plain(f"the base after {tokens:,} tokens")
        if failed := stage_verb("evaluate", words, []):
            return failed
        lines += [line(asked, tokens) for asked in several(words).values()]
    Display(first).table(COLUMNS, lines)
    plain(f"card: {on_the_card(first, lines)}")
    return 0


def exam(verb: str, overrides: list[str], rest: list[str]) -> int:
    """Draws the exam of a new specialist."""
    from factory.exam import draw_exam

    asked = loaded(overrides)
    with Display(asked) as display:
        path, rows = draw_exam(asked, display.event)
    plain(f"{path}: {rows} rows, to be frozen in git")
    return 0


def new(verb: str, overrides: list[str], rest: list[str]) -> int:
    """Makes a specialist that works, to be replaced piece by piece."""
    from factory.new import new_specialist

    if overrides or len(rest) != 2 or rest[0] != "specialist":
        raise Mistake("new", "what is to be made?", "write: factory new specialist NAME")
    made = new_specialist(rest[1])
    for path in made:
        plain(f"made  {path}")
    plain(f"next  factory preview specialist={rest[1]}")
    plain(f"      factory run specialist={rest[1]} profile=smoke")
    plain(f"      {made[0].parent / 'README.md'} says how to make it yours")
    return 0
