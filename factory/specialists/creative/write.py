"""The grammar that writes: a plan becomes acts, acts become clauses, clauses become sentences or rhymed lines.

What it writes keeps every constraint of the plan but two that are met by trying again: the range of words and the
syllables of a line. `attempts` gives one text after another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from factory.specialists.creative import lexicon
from factory.specialists.creative.lexicon import Clause, article, sounded
from factory.specialists.creative.state import Character, State

TRIES = 60
STARTS = {
    "wish": ("", "", "", "Now ", "One day ", "That day ", "As so often ", "More than ever "),
    "friend": ("", "", "Soon ", "Luckily ", "As always ", "On the way "),
    "obstacle": ("", "", "But ", "Yet ", "But then ", "Sadly ", "However, ", "Then ", "All too soon "),
    "turn": ("", "", "Then ", "At last ", "Suddenly ", "But then ", "Luckily ", "In the end ", "After a while "),
    "end": ("", "", "At last ", "In the end ", "So ", "Finally ", "By evening ", "After that ", "And so "),
    "detail": ("", "", "First ", "Meanwhile ", "After that ", "For a while ", "Again and again ", "Until late "),
    "prop": ("", "", "Close by ", "Then ", "By chance ", "Soon "),
    "adjective": ("", "", "Close by ", "Then ", "Further on "),
}
"""How a sentence may start, by its first act."""
JOINTS = {
    "wish": (", and ", "; ", " and now "),
    "obstacle": (", but ", ", yet ", "; "),
    "turn": (", but then ", ", and then ", ", until ", "; "),
    "end": (", and ", ", so ", ", and so ", "; "),
}
"""What joins a clause to the one before it, by its act."""
PLAIN_JOINTS = (", and ", " while ", "; ", ", and ")
HOLDS = (
    "with {} close by",
    "with {} in one hand",
    "beside {}",
    "near {}",
    "next to {}",
    "not far from {}",
    "in front of {}",
    "close to {}",
)
"""Where a required noun may stand at the end of a clause."""
SHADES = (
    "down {} path",
    "by {} gate",
    "near {} wall",
    "under {} roof",
    "in {} corner",
    "along {} road",
    "through {} door",
    "beside {} fence",
)
"""Where a required adjective may stand at the end of a clause."""
ASIDES = (
    "with great care",
    "in a hurry",
    "without a word",
    "once more",
    "in the cold",
    "for an hour",
    "all alone",
    "before lunch",
    "with a deep sigh",
    "in the dark",
    "at first light",
    "after a rest",
    "against all advice",
    "for the third time",
    "in broad daylight",
    "on tired feet",
    "with warm hands",
    "for a good reason",
    "until dusk",
    "in the open air",
    "without a map",
    "by pure chance",
    "to the end",
    "in spite of the weather",
    "as in old stories",
    "under grey skies",
    "with a full stomach",
    "on bare feet",
    "far from the crowd",
    "in silence",
)
"""What may be added to a clause that carries nothing else."""
ASIDE_SHARE = 0.2
GREETINGS = ("Dear {},", "My dear {},", "Hello {},", "Dearest {},", "Hi {},")
SIGNATURES = (
    "Your friend, {}",
    "With love, {}",
    "Yours, {}",
    "Warm wishes, {}",
    "Until soon, {}",
    "Kind regards, {}",
    "Always yours, {}",
    "All the best, {}",
)
CATEGORIES = ("hero", "kind", "place", "belief", "quote", "weather", "greeting", "thanks", "news", "here")
"""Openings that are a way to begin, not a time of the day or the year."""


@dataclass
class Act:
    """One thing to be said: its kind, the required word it carries, and whether it carries the mood."""

    kind: str
    word: str = ""
    moody: bool = False
    clause: str = ""


def write(plan: State, rng: Random, ordered: bool = True) -> str:
    """One text to the plan; its words and syllables may be out of their limits.

    `ordered` details come once each, in the order of the day, so that what was said says what may come; without it they
    come by chance, as the corpus of the embedded base has them.
    """
    if plan.form == "poem":
        return poem(settled(plan, rng), rng, ordered)
    how = {"ordered": ordered, "padded": plan.count > 0}
    if plan.form == "letter":
        return letter(settled(plan, rng), rng, **how)
    return " ".join(sentences(settled(plan, rng), rng, **how))


def settled(plan: State, rng: Random) -> State:
    """The plan with what it leaves open chosen: place, person, tense, and how long the text becomes."""
    chosen: dict[str, Any] = {}
    if not plan.place:
        chosen["place"] = rng.choice(free(plan, lexicon.places()))
    if not plan.person:
        chosen["person"] = "first" if plan.form == "letter" else rng.choice(("first", "third"))
    if not plan.tense:
        chosen["tense"] = rng.choice(("past", "present"))
    if not plan.count and plan.form == "poem":
        chosen["count"] = 4 if plan.rhyme == "alternating" or (needed(plan) <= 4 and rng.random() < 0.5) else 6
    elif not plan.count:
        chosen["count"] = rng.randint(max(2, needed(plan) // 2), max(3, needed(plan)))
    return plan.model_copy(update=chosen) if chosen else plan


def needed(plan: State) -> int:
    """The lines that a poem to the plan has at least: one for each thing it names."""
    named = (plan.wish, plan.friend, plan.obstacle, plan.turn, plan.mood)
    return 1 + sum(map(bool, named)) + len(plan.required)


def attempts(plan: State, rng: Random) -> Iterator[str]:
    """Texts to the plan, one after another, as many as are worth trying."""
    return (write(plan, rng) for _ in range(TRIES))


def letter(plan: State, rng: Random, ordered: bool = True, padded: bool = True) -> str:
    """A greeting, sentences, a signature."""
    greeting = rng.choice(GREETINGS).format(plan.friend.name)
    signature = rng.choice(free(plan, SIGNATURES)).format(f"{plan.hero.name} the {plan.hero.kind}")
    return "\n".join((greeting, " ".join(sentences(plan, rng, ordered, padded)), signature))


def sentences(plan: State, rng: Random, ordered: bool = True, padded: bool = True) -> list[str]:
    """The plan's acts as clauses, joined to as many sentences as it asks for; `padded` with more details than that needs."""
    writer = Writer(plan, rng)
    acts = prose_acts(plan, rng, padded)
    mark_mood(plan, rng, acts)
    if ordered:
        writer.tell_details(acts)
    for number, act in enumerate(acts):
        act.clause = act.clause or writer.clause(act, first=number == 0)
    spare = [word for word in plan.required if not any(act.word == word for act in acts)]
    for word, act in zip(spare, rng.sample(acts[1:], len(spare)), strict=True):
        act.clause, act.word = f"{act.clause} {writer.hold(word)}", word
    for act in acts[1:]:
        if act.kind in ("detail", "end", "friend", "wish") and not act.word and rng.random() < ASIDE_SHARE:
            act.clause = writer.aside(act.clause)
    return [writer.sentence(group, first=number == 0) for number, group in enumerate(grouped(rng, acts, plan.count))]


def prose_acts(plan: State, rng: Random, padded: bool) -> list[Act]:
    """What a story or letter says, in order: the plan's own acts, some required words, and details to fill it up."""
    acts = [Act("intro")] + ([Act("wish")] if plan.wish else [])
    acts += [Act("friend")] if plan.friend and plan.form == "story" else []
    acts += [Act(kind) for kind in ("obstacle", "turn") if getattr(plan, kind)]
    acts.append(Act("end"))
    words = list(plan.required)
    rng.shuffle(words)
    # Every clause but the first can carry one required word at its end; what is left needs a clause of its own.
    must = max(0, len(words) - (len(acts) - 1))
    low = max(must, plan.count - len(acts))
    room = rng.randint(low, max(low, min(2 * plan.count, 8) - len(acts))) if padded else low
    for word in words:
        if room and (must > 0 or rng.random() < 0.6):
            kind = "adjective" if word in lexicon.read("words")["adjectives"] else "prop"
            acts.insert(rng.randint(min(2, len(acts) - 1), len(acts) - 1), Act(kind, word))
            room, must = room - 1, must - 1
    while room > 0:
        acts.insert(rng.randint(min(2, len(acts) - 1), len(acts) - 1), Act("detail"))
        room -= 1
    return acts


def mark_mood(plan: State, rng: Random, acts: list[Act]) -> None:
    """Chooses the act that carries the mood, where one is asked for."""
    if plan.mood:
        rng.choice(
            [act for act in acts[1:] if act.kind in ("wish", "obstacle", "turn", "end", "detail", "mood")]
        ).moody = True


def grouped(rng: Random, acts: list[Act], count: int) -> list[list[Act]]:
    """The acts in order as `count` groups, as even as chance allows."""
    sizes = [1] * count
    for _ in range(len(acts) - count):
        smallest = min(sizes)
        sizes[rng.choice([i for i, size in enumerate(sizes) if size == smallest])] += 1
    starts = [sum(sizes[:i]) for i in range(count)]
    return [acts[start : start + size] for start, size in zip(starts, sizes, strict=True)]


def poem(plan: State, rng: Random, ordered: bool = True) -> str:
    """Rhymed lines, one act each."""
    writer = Writer(plan, rng)
    named = ("wish", "friend", "obstacle", "turn", "mood")
    acts = [Act("intro")] + [Act(kind) for kind in named if getattr(plan, kind)]
    for word in plan.required:
        kind = "adjective" if word in lexicon.read("words")["adjectives"] else "prop"
        acts.insert(rng.randint(min(2, len(acts)), len(acts)), Act(kind, word))
    acts += [Act("detail") for _ in range(plan.count - len(acts))]
    mark_mood(plan, rng, [acts[0], *(act for act in acts if act.kind == "mood")])
    ends = tails(plan, rng)
    if ordered:
        writer.tell_details(acts)
    lines = []
    for number, (act, tail) in enumerate(zip(acts, ends, strict=True)):
        clause = f"{act.clause or writer.clause(act, first=number == 0)} {tail}"
        mark = "." if number == plan.count - 1 else rng.choice((",", ",", ".", ";") if number % 2 else (",", ",", ";"))
        lines.append(capital(clause) + mark)
    return "\n".join(lines)


def tails(plan: State, rng: Random) -> list[str]:
    """The ends of the lines, rhymed as the plan asks; each of another rhyme where it asks for none."""
    groups = {name: free(plan, ends) for name, ends in lexicon.read("tails").items()}
    names = [name for name, ends in groups.items() if len(ends) > 1]
    if not plan.rhyme:
        return [rng.choice(groups[name]) for name in rng.sample(names, plan.count)]
    names = rng.sample(names, plan.count // 2)
    pairs = [pair(rng, groups[name]) for name in names]
    if plan.rhyme == "couplets":
        return [end for two in pairs for end in two]
    return [pairs[0][0], pairs[1][0], pairs[0][1], pairs[1][1]]


def pair(rng: Random, ends: tuple[str, ...]) -> tuple[str, str]:
    """Two line ends whose last words differ."""
    one = rng.choice(ends)
    return one, rng.choice([end for end in ends if end.split()[-1] != one.split()[-1]])


def free(plan: State, phrases: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """The phrases without a forbidden word."""
    if not plan.forbidden:
        return tuple(phrases)
    return tuple(phrase for phrase in phrases if lexicon.own_words(phrase).isdisjoint(plan.forbidden))


def capital(text: str) -> str:
    """The text with its first letter as a capital, also after a quotation mark."""
    at = int(text.startswith('"'))
    return text[:at] + text[at : at + 1].upper() + text[at + 1 :]


class Writer:
    """Fills clauses with what the plan names."""

    def __init__(self, plan: State, rng: Random) -> None:
        self.plan, self.rng = plan, rng
        first, hero = plan.person == "first", plan.hero
        full = f"{hero.name} the {hero.kind}"
        self.slots = {
            "hero": ("I" if plan.form == "letter" else f"I, {full},") if first else full,
            "hero2": f"me, {full}",
            "hero3": f"me, {full}," if first else full,
            "name": hero.name,
            "kind": hero.kind,
            "me": "I" if first else hero.name,
            "place": plan.place,
            "spot": plan.spot,
            "wish": plan.wish,
            "obstacle": plan.obstacle,
            "turn": plan.turn,
            "friend": self.second(plan.friend) if plan.friend else "",
        }
        if plan.form == "letter" and first:
            self.slots["hero3"] = "me"

    def second(self, friend: Character) -> str:
        """The other character: Nila the owl."""
        return f"{friend.name} the {friend.kind}"

    def clause(self, act: Act, first: bool) -> str:
        """The act as a clause; the first one begins as the plan's opening says."""
        if first:
            return self.opening()
        return self.filled(self.choose(act.kind, act.moody), act.word)

    def tell_details(self, acts: list[Act]) -> None:
        """Gives the details their clauses: each at most once, in the order of `frames.yaml`."""
        details = [act for act in acts[1:] if act.kind == "detail"]
        chosen: list[tuple[int, Clause]] = []
        for act in details:
            chosen.append(self.rng.choice([one for one in self.fitting("detail", act.moody) if one not in chosen]))
        for act, (_, clause) in zip(details, sorted(chosen, key=lambda one: one[0]), strict=True):
            act.clause = self.filled(clause)

    def opening(self) -> str:
        """The first clause: a way to begin, or a time before the clause."""
        opening = self.plan.opening
        if opening in CATEGORIES or not opening:
            special = f"intro {opening}"
            known = special in lexicon.read("frames")[self.plan.form]
            return self.filled(self.choose(special if known else "intro", False))
        comma = "," if self.rng.random() < 0.3 else ""
        return f"{opening}{comma} {self.filled(self.choose('intro', False))}"

    def choose(self, act: str, moody: bool) -> Clause:
        """A clause that fits."""
        return self.rng.choice(self.fitting(act, moody))[1]

    def fitting(self, act: str, moody: bool) -> list[tuple[int, Clause]]:
        """The clauses of an act without a forbidden word, numbered; with a mood in them where they must, or may."""
        plan = self.plan
        form = "story" if plan.form == "letter" and act not in lexicon.read("frames")["letter"] else plan.form
        return [
            (number, clause)
            for number, clause in enumerate(lexicon.clauses(form, act, plan.person, plan.tense))
            if clause.words.isdisjoint(plan.forbidden)
            and (clause.moody == moody or (plan.mood and not moody))
            and (plan.wish or "{wish}" not in clause.text)
        ]

    def filled(self, clause: Clause, word: str = "") -> str:
        """The clause with its slots filled."""
        mood = lexicon.read("words")["moods"].get(self.plan.mood)
        first, hero = self.plan.person == "first", self.plan.hero
        slots = {
            **self.slots,
            "he": "I"
            if first
            else self.rng.choice((hero.pronoun, hero.pronoun, hero.pronoun, hero.name, f"the {hero.kind}")),
            "him": "me" if first else {"he": "him", "she": "her"}[hero.pronoun],
            "his": "my" if first else {"he": "his", "she": "her"}[hero.pronoun],
            "a_kind": article(hero.kind),
            "mood": self.rng.choice(mood["adjectives"]) if mood else "",
            "moodly": self.rng.choice(mood["adverbs"]) if mood else "",
            "prop": word,
            "adjective": word,
        }
        if word:
            slots["a_prop"] = slots["an_adjective"] = article(word)
        text = clause.text.format_map(slots)
        return sounded(text) if "{mood" in clause.text else text

    def hold(self, word: str) -> str:
        """The end of a clause that carries a required word."""
        phrases = SHADES if word in lexicon.read("words")["adjectives"] else HOLDS
        return self.rng.choice(free(self.plan, phrases)).format(article(word))

    def aside(self, clause: str) -> str:
        """The clause with something added that says nothing about the plan."""
        phrases = [phrase for phrase in free(self.plan, ASIDES) if phrase.split()[-1] not in clause]
        return f"{clause} {self.rng.choice(phrases)}"

    def sentence(self, acts: list[Act], first: bool) -> str:
        """The clauses of the acts as one sentence."""
        text = acts[0].clause
        if not first and not text.startswith('"'):
            text = self.rng.choice(free(self.plan, STARTS[acts[0].kind])) + text
        for act in acts[1:]:
            joints = (", and ", "; ") if act.clause.startswith('"') else JOINTS.get(act.kind, PLAIN_JOINTS)
            text = text.removesuffix(",") + self.rng.choice(free(self.plan, joints)) + act.clause
        return capital(text.removesuffix(",")) + "."
