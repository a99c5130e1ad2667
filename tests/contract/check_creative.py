"""An independent check that creative rows are right: it shares no code or list with what draws, tells and verifies them.

The plan is read again from the words of the prompt by the small tables below, and the answer is held against it: names,
place, wish, obstacle, turn, person, tense, counts, words, rhyme and syllables. As a script it draws rows and prints what
it finds:

    python tests/contract/check_creative.py 10000
"""

from __future__ import annotations

import importlib.util
import re
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

NUMBERS = {"three": 3, "four": 4, "five": 5, "six": 6}
PEOPLE = (
    r"(?P<n>[A-Z]\w+) the (?P<k>[a-z]+)",
    r"\b[Aa]n? (?P<k>[a-z]+) (?:named|called|who is named|who goes by) (?P<n>[A-Z]\w+)",
    r"(?P<n>[A-Z]\w+), an? (?P<k>[a-z]+)",
    r"is an? (?P<k>[a-z]+), (?P<n>[A-Z]\w+) by name",
    r"(?P<n>[A-Z]\w+) is an? (?P<k>[a-z]+) and",
    r"called (?P<n>[A-Z]\w+) is the hero, an? (?P<k>[a-z]+)",
)
NO_KINDS = (
    "hero|way|end|greeting|first|third|past|present|words?|verbs?|total|mood|tone|narrator|lines?|rhymes?|"
    "letter|body|middle|main|longest"
)
PLACES = (
    r"(?:[Ss]et|(?<!to )(?<!: )plays?|happens?|takes? place|scene is|"
    r"We are|Put it|unfold\w*|with its setting|setting lies|find the scene|"
    r"we stay|at home|with \w+ and place) ((?:in|at|on|by|near) the [a-z]+)"
)
WISHES = (
    r"(?:wants|hopes?|wish|wish is|goal is|dream is|would like|longs|means|wants is|aim of \w+ is|the hope|one wish,|"
    r"about the wish) to ([a-z][^.\n]+)\."
)
OBSTACLES = (
    r"(?:The obstacle is|The trouble is|But there is|in the way is|The problem is|Then comes|has to face|Trouble comes with|"
    r"The hurdle is|hampers it all is) ([^.\n]+)\.|Let ([^.\n]+) cause trouble\.|Sadly ([^.\n]+) hinders|(?:^|(?<=[.:!] )|\n)"
    r"([A-Za-z ]+) (?:stands in the way|makes it hard|gets in the way|is the trouble)\."
)
TURNS = (
    r"(?:The turn is|Help comes from|What helps is|The way out is|The rescue is|because of|Relief arrives with) ([^.\n]+)\.|"
    r"(?:In the end|Then) ([^.\n]+) helps\.|Let ([^.\n]+) bring help|Thanks to ([^.\n]+) it ends well|(?:^|(?<=[.:!] )|\n)"
    r"([A-Za-z ]+) (?:changes everything|brings the turn|saves it in the end|makes it possible)\."
)
LIST = r"((?:[A-Za-z]+, )*[A-Za-z]+(?: (?:and|or) [a-z]+)?)"
THE = r"(?:the words? )?"
REQUIRED = (
    rf"(?<!not )\b(?:Use(?! couplets)|It must contain|Include|Work in|Put in(?! [A-Z])|Do not forget|It should mention|"
    rf"Somewhere use|Be sure to use|Weave in|Find a place for|Slip in|want to read(?= .* in it)) {THE}{LIST}(?: in it)?\.|"
    rf"Let {LIST} appear\.|See that {LIST} occurs|(?:^|(?<=[.!] ))The words? {LIST} must appear|"
    rf"(?:^|(?<=[.!] )){LIST} should be in it"
)
FORBIDDEN = (
    rf"(?:[Dd]o not use|Avoid|Leave out|Never say|without(?! I\b)|away from|"
    rf"Not allowed is|[Cc]lear of|not want to read|Do without|Shun) "
    rf"{THE}{LIST}\.|\b[Nn]o {LIST} in it|The words? {LIST} (?:may not appear|should be missing)"
)
THIRD = (
    r"third person|outside|[Hh]e or she|not say I|[Nn]o I\b|without (?:any )?I\b|not the hero|not as the hero|onlooker"
)
FIRST = r"first person|as I\b|says? I\b|\bI form|I and my|I is the voice|with I\.|Say I|in the voice of I|: I$"
PRESENT = r"[Pp]resent|: now$|goes on|happens now|unfolds\.|unfolding\b(?! in| at| on| by| near)"
PAST = r"\b[Pp]ast\b(?! \d)|preterite|already over|long over|after the fact|It is over"
LABELS = {
    "place": r"Place|Where|Scene|Set|Setting",
    "wish": r"Wish|Goal|Wants|Dream|Desire",
    "obstacle": r"Obstacle|Trouble|Problem|In the way|Hurdle",
    "turn": r"Turn|Help|Way out|What helps|Solution",
    "required": r"Words|Must contain|Use|Include|Obligatory",
    "forbidden": r"Avoid|Not allowed|Without|Never use|Banned",
}
SENTENCES = {
    "place": PLACES,
    "wish": WISHES,
    "obstacle": OBSTACLES,
    "turn": TURNS,
    "required": REQUIRED,
    "forbidden": FORBIDDEN,
}
CROSSED = (
    r"alternat|\bin turns|with three|line three|the third(?! p)|third l|every other|crossed|\bleap|Skip a|second line r"
)
NOW = r"\b(?:is|am|are|has|does|can|cannot|wants|hopes|says|goes|comes|finds)\b"
THEN = r"\b(?:was|were|had|did|could|wanted|hoped|said|went|came|found)\b"


def check(prompt: str, answer: str, asked: Collection[str]) -> Iterator[str]:
    """What is wrong with a row, one line each; nothing where it is right.

    `asked` has the names of the constraints that the prompt should tell: one that cannot be read in it is wrong too, and
    so is one that is read and was not asked.
    """
    letter, poem = answer.startswith(("Dear", "My dear", "Hello", "Dearest", "Hi ")), answer.count("\n") > 2
    told = "\n".join(answer.split("\n")[1:-1]) if letter and "\n" in answer else answer
    plain = re.sub(r'"[^"]*"', "", told)
    yield from named(prompt, answer)
    yield from constraints(prompt, told, asked)
    yield from counts(prompt, answer, told, poem and not letter, "count" in asked)
    yield from voices(prompt, plain, letter, asked)
    if poem and not letter:
        yield from verses(prompt, answer, "rhyme" in asked)


def asked_of(state: dict[str, Any]) -> set[str]:
    """The names of what a row's state asks for."""
    return {name for name, there in state.items() if there}


def value(prompt: str, what: str) -> str:
    """What the prompt says of a constraint, as a line of a list or a sentence; empty where it says nothing."""
    if line := re.search(rf"^- (?:{LABELS[what]}): (.+)$", prompt, re.MULTILINE):
        return line[1].strip()
    found = re.search(SENTENCES[what], prompt)
    return next(filter(None, found.groups()), "").strip() if found else ""


def named(prompt: str, answer: str) -> Iterator[str]:
    """Every character by name and kind."""
    people = {(match["n"], match["k"]) for form in PEOPLE for match in re.finditer(form, prompt)}
    people = {(name, kind) for name, kind in people if not re.fullmatch(NO_KINDS, kind)}
    if not people:
        yield "no one is named in the prompt"
    for name, kind in people:
        if not re.search(rf"\b{name}\b", answer) or not re.search(rf"\b{kind}\b", answer):
            yield f"{name} the {kind} is missing"


def constraints(prompt: str, told: str, asked: Collection[str]) -> Iterator[str]:
    """Place, wish, obstacle, turn, required and forbidden words."""
    lower = told.lower()
    for what in LABELS:
        if bool(value(prompt, what)) != (what in asked):
            yield f"{what}: {'nothing' if what in asked else value(prompt, what)} is read in the prompt"
    place = value(prompt, "place").split()[1:3]
    if " ".join(place) not in told and " ".join(place).capitalize() not in told:
        yield f"not at {place}"
    for what in ("wish", "obstacle", "turn"):
        for word in re.findall(r"[a-z]{4,}", value(prompt, what).lower()):
            if word not in lower:
                yield f"{what}: {word} is missing"
    for word in re.findall(r"[a-z]{2,}", re.sub(r"\b(?:and|or)\b", ",", value(prompt, "required").lower())):
        if not re.search(rf"\b{word}\b", lower):
            yield f"required: {word} is missing"
    for word in filter(None, re.split(r"(?:, | or )+", value(prompt, "forbidden"))):
        if re.search(rf"\b{word}\b", lower):
            yield f"forbidden: {word} is there"


def counts(prompt: str, answer: str, told: str, poem: bool, asked: bool) -> Iterator[str]:
    """Sentences or lines, and words."""
    unit = "lines" if poem else "sentences"
    found = re.search(
        rf"\b(\d|three|four|five|six) {unit}|{unit} number (\d|three|four|five|six)", prompt, re.IGNORECASE
    )
    if found is None:
        found = re.search(r"in between numbers (\d|three|four|five|six)", prompt)
    if bool(found) != asked:
        yield f"number: {found and found[0]} is read in the prompt"
    if found:
        said = next(filter(None, found.groups())).lower()
        number = NUMBERS[said] if said in NUMBERS else int(said)
        ends = re.findall(r'[.!?](?="? [A-Z"]|$)', re.sub(r'[,!?]"', '"', told))
        has = len(answer.split("\n")) if poem else len(ends)
        if has != number:
            yield f"{has} {unit} where {number} are asked for"
    span = [int(word) for word in re.findall(r"\b\d{2,}\b", re.sub(r"\d+ syllables", "", prompt))]
    if len(span) == 2 and not min(span) <= len(answer.split()) <= max(span):
        yield f"{len(answer.split())} words, not {span}"


def voices(prompt: str, plain: str, letter: bool, asked: Collection[str]) -> Iterator[str]:
    """Person and tense."""
    third = bool(re.search(THIRD, prompt, re.MULTILINE)) and not letter
    first = bool(re.search(FIRST, prompt, re.MULTILINE))
    if (third or first) != ("person" in asked):
        yield f"person: first {first}, third {third} is read in the prompt"
    if "person" in asked and bool(re.search(r"\b(?:I|me|[Mm]y)\b", plain)) == third:
        yield "the other person"
    past, present = (bool(re.search(form, prompt, re.MULTILINE)) for form in (PAST, PRESENT))
    if past + present != ("tense" in asked):
        yield f"tense: past {past}, present {present} is read in the prompt"
    if "tense" in asked and re.search(NOW if past else THEN, plain):
        yield "the other tense"


def verses(prompt: str, answer: str, rhymed: bool) -> Iterator[str]:
    """Rhyme and syllables."""
    lines = answer.split("\n")
    ends = [re.findall(r"[A-Za-z]+", line)[-1] for line in lines]
    turns = re.search(CROSSED, prompt)
    pairs = [(0, 2), (1, 3)] if turns else [(at, at + 1) for at in range(0, len(lines) - 1, 2)]
    for one, other in pairs if rhymed else ():
        if not sound(ends[one]) & sound(ends[other]) or ends[one] == ends[other]:
            yield f"{ends[one]} and {ends[other]} do not rhyme"
    if most := re.search(r"(\d+) syllables", prompt):
        for line in lines:
            if sum(map(beats, re.findall(r"[A-Za-z]+", line))) > int(most[1]):
                yield f"too many syllables: {line}"


@cache
def spoken() -> dict[str, list[list[str]]]:
    """The pronouncing dictionary: word to its ways to be said."""
    path = Path(importlib.util.find_spec("pronouncing").origin).with_name("cmudict-0.7b")
    found: dict[str, list[list[str]]] = {}
    for line in path.read_text(encoding="latin-1").splitlines():
        if not line.startswith(";"):
            word, *phones = line.split()
            found.setdefault(re.sub(r"\(\d\)", "", word).lower(), []).append(phones)
    return found


def sound(word: str) -> set[str]:
    """How a word sounds from its last stressed vowel on; hear and near are one sound."""
    heard = set()
    for phones in spoken().get(word.lower(), []):
        start = max((i for i, phone in enumerate(phones) if phone[-1] in "12"), default=0)
        heard.add(re.sub(r"\d", "", " ".join(phones[start:])).replace("IY R", "IH R"))
    return heard


def beats(word: str) -> int:
    """The syllables of a word; of a name by its groups of vowels."""
    known = [sum(phone[-1].isdigit() for phone in phones) for phones in spoken().get(word.lower(), [])]
    return min(known) if known else max(1, len(re.findall(r"[aeiouy]+", word.lower().removesuffix("e"))))


def main(rows: int) -> None:
    """Draws rows of both sides, checks those the factory keeps, and prints what is wrong and what was refused."""
    from factory.config import load
    from factory.specialist import Inapplicable, find
    from factory.stages.generate import admit

    task = find("creative")
    settings = task.typed(load(["specialist=creative"]).specialist.settings)
    fates: Counter[str] = Counter()
    wrong: list[str] = []
    start, index = time.process_time(), 0
    while fates["kept"] < rows:
        index += 1
        try:
            row = task.example(index, 7, settings, ("train", "exam")[index % 2], index % 3 == 0)
        except Inapplicable as none:
            fates[f"not drawn: {none}"] += 1
            continue
        verdict = admit(task, row)
        fates[verdict.reason or "kept"] += 1
        if not verdict.reason:
            wrong += [
                f"{why}\n  {row.prompt}\n  => {row.answer}"
                for why in check(row.prompt, row.answer, asked_of(row.state))
            ]
    spent = time.process_time() - start
    print("\n".join(wrong[:20]))
    print(f"{rows} rows, {len(wrong)} wrong, {index / spent:.0f} candidates per CPU-second (this check among it)")
    print(", ".join(f"{reason} {count / index:.2%}" for reason, count in fates.most_common()))


if __name__ == "__main__":
    main(int(sys.argv[1]))
