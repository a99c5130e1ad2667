"""Where plans come from: a family of the side gives wish, obstacle and turn; the rest is drawn around it."""

from __future__ import annotations

from random import Random
from typing import Any

from factory.specialist import Inapplicable
from factory.specialists.creative import lexicon
from factory.specialists.creative.lexicon import Family, Side, article
from factory.specialists.creative.state import ASKED, Character, Frozen, State, Words
from factory.specialists.creative.write import write
from factory.text import random_word

EXTRAS = {"easy": (0, 2), "medium": (3, 4), "hard": (5, 7)}
"""How many constraints of a whole plan come to the usual ones."""
OPTIONS = {
    "story": ("friend", "mood", "obstacle", "turn", "required", "required", "forbidden", "forbidden", "words"),
    "letter": ("mood", "obstacle", "turn", "required", "required", "forbidden", "forbidden", "words"),
    "poem": ("friend", "mood", "obstacle", "turn", "required", "forbidden", "forbidden", "words", "syllables"),
}
NOTHING = {"count": 0, "syllables": 0, "words": None, "friend": None}
"""What stands in a field that asks for nothing, where that is not an empty text."""
LINED = ("friend", "mood", "obstacle", "turn", "required")
"""What takes a line of a poem."""


class Settings(Frozen):
    """The `specialist.settings` of creative writing."""

    form: dict[str, float]
    """Weight of each form: story, poem, letter."""
    difficulty: dict[str, float]
    """Weight of each difficulty: easy, medium, hard, by the number of constraints."""
    first_person: float
    """Share of stories and poems told as I; letters always are."""
    past: float
    """Share of texts in the past tense."""
    renamed: float
    """Chance that the names and things of a training plan are made up, so that they must be read and cannot be known."""


def draw(rng: Random, settings: Settings, side: Side) -> State:
    """One plan of one side (train or exam), asking for few or many of its constraints; Inapplicable where none comes out.

    Where the whole plan has fewer than a difficulty asks for, all of it is asked (docs/decisions/plans.md says why few).
    """
    plan = whole(rng, settings, side)
    number = min(len(plan.asked), rng.randint(*ASKED[weighted(rng, settings.difficulty)]))
    kept = rng.sample(plan.asked, number)
    plan = plan.model_copy(update=left_out(plan, kept))
    return plan.model_copy(update={"words": span(rng, plan)}) if plan.words else plan


def left_out(plan: State, kept: list[tuple[str, str]]) -> dict[str, Any]:
    """What changes in a plan of which only some constraints are kept."""
    empty = {name: NOTHING.get(name, "") for name, word in plan.asked if not word and (name, "") not in kept}
    words = {
        name: tuple(word for word in getattr(plan, name) if (name, word) in kept) for name in ("required", "forbidden")
    }
    return empty | words


def whole(rng: Random, settings: Settings, side: Side) -> State:
    """A plan with every constraint that a plan usually has, and some more; Inapplicable where it does not come out."""
    form, difficulty = weighted(rng, settings.form), weighted(rng, settings.difficulty)
    family = rng.choice(lexicon.families(side))
    count = rng.choice((4, 6) if difficulty != "hard" else (6,)) if form == "poem" else rng.randint(3, 6)
    options = chosen(rng, form, rng.randint(*EXTRAS[difficulty]), count)
    hero, other = characters(rng)
    friend = other if "friend" in options else None
    if form == "letter":
        friend = Character(name=other.name, pronoun=other.pronoun)
    words = lexicon.read("words")
    first = form == "letter" or rng.random() < settings.first_person
    plan = State(
        family=family.name,
        form=form,
        hero=hero,
        friend=friend,
        place=rng.choice(lexicon.places()),
        mood=rng.choice(list(words["moods"])) if "mood" in options else "",
        wish=rng.choice(family.wishes),
        obstacle=rng.choice(family.obstacles) if "obstacle" in options else "",
        turn=rng.choice(family.turns) if "turn" in options else "",
        person="first" if first else "third",
        tense="past" if rng.random() < settings.past else "present",
        count=count,
        rhyme=rng.choice(("couplets", "alternating") if count == 4 else ("couplets",)) if form == "poem" else "",
        syllables=rng.choice((14, 15, 16, 17)) if "syllables" in options else 0,
        words=None,
        required=(),
        forbidden=(),
        opening=rng.choice(words["openings"][form]),
    )
    plan = plan.model_copy(update={"required": required(rng, plan, family, 1 + options.count("required"))})
    plan = plan.model_copy(update={"forbidden": forbidden(rng, plan, options.count("forbidden"))})
    if side == "train" and settings.renamed and rng.random() < settings.renamed:
        plan = renamed(rng, plan)
        if len(set(plan.required)) < len(plan.required) or plan_words(plan) & {*plan.required, *plan.forbidden}:
            raise Inapplicable("two made-up words agree")
    return plan.model_copy(update={"words": span(rng, plan, ordered=False)}) if "words" in options else plan


def renamed(rng: Random, plan: State) -> State:
    """The plan with random words for its names, things and helpers: they must be read, they cannot be known."""

    def person(one: Character | None) -> Character | None:
        kind = one and one.kind and random_word(rng)
        return one and Character(name=random_word(rng).capitalize(), kind=kind, pronoun=one.pronoun)

    def thing(phrase: str) -> str:
        return phrase and article(random_word(rng))

    return plan.model_copy(
        update={
            "hero": person(plan.hero),
            "friend": person(plan.friend),
            "place": f"{plan.place.split()[0]} the {random_word(rng)}",
            "wish": f"{plan.wish.split()[0]} the {random_word(rng)}",
            "obstacle": thing(plan.obstacle),
            "turn": thing(plan.turn),
            "required": tuple(random_word(rng) for _ in plan.required),
        }
    )


def weighted(rng: Random, weights: dict[str, float]) -> str:
    """One key, by weight."""
    return rng.choices(list(weights), list(weights.values()))[0]


def chosen(rng: Random, form: str, number: int, count: int) -> list[str]:
    """The constraints that come to the usual ones; a poem has room for one in each line after wish, hero and a word."""
    options, room = [], count - 3 if form == "poem" else count + 3
    for option in rng.sample(OPTIONS[form], len(OPTIONS[form])):
        if len(options) == number:
            return options
        if option not in LINED or room > 0:
            options.append(option)
            room -= option in LINED
    if len(options) < number:
        raise Inapplicable("no room for so many constraints")
    return options


def characters(rng: Random) -> tuple[Character, Character]:
    """Two characters of different names and kinds."""
    words = lexicon.read("words")
    kinds = rng.sample(words["kinds"], 2)
    first, second = (rng.choice(("he", "she")) for _ in range(2))
    one = rng.choice(words[first])
    other = rng.choice([name for name in words[second] if name != one])
    return (
        Character(name=one, kind=kinds[0], pronoun=first),
        Character(name=other, kind=kinds[1], pronoun=second),
    )


def required(rng: Random, plan: State, family: Family, number: int) -> tuple[str, ...]:
    """Words that must appear: things of the family, other things, adjectives; none that the plan says anyway."""
    words, said = lexicon.read("words"), plan_words(plan)
    found: list[str] = []
    while len(found) < number:
        source = rng.choice((family.props, family.props, words["nouns"], words["adjectives"]))
        word = rng.choice(source)
        if word not in said and word not in found:
            found.append(word)
    return tuple(found)


def forbidden(rng: Random, plan: State, number: int) -> tuple[str, ...]:
    """Words that may not appear, of those that the grammar likes to use."""
    said = plan_words(plan) | set(plan.required) | lexicon.own_words(plan.opening)
    return tuple(rng.sample([word for word in lexicon.read("words")["forbidden"] if word not in said], number))


def plan_words(plan: State) -> set[str]:
    """The words of what the plan tells of."""
    people = [plan.hero, *([plan.friend] if plan.friend else [])]
    told = [plan.place, plan.wish, plan.obstacle, plan.turn, *(f"{one.name} {one.kind}" for one in people)]
    return set(lexicon.own_words(" ".join(told)))


def span(rng: Random, plan: State, ordered: bool = True) -> Words:
    """A range of some twenty words around the length of one text that the plan allows."""
    length = len(write(plan, rng, ordered).split())
    low = max(10, (length - rng.randint(4, 14)) // 5 * 5)
    return Words(low=low, high=low + rng.choice((15, 20, 25)) + 5 * (length > low + 14))
