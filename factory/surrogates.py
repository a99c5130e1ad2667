"""What stands in for private data: of the same form, nobody's where a form has such a range, and always the same.

A surrogate follows from a salt and the text it stands for, so that no table is kept: where one salt is used, a name is one
name and a number one number. That hides nothing from whoever knows the salt and can guess the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from random import Random
from string import ascii_uppercase

from factory.names import PARTICLES, WORD, choices, is_word

Places = Sequence[tuple[int, int]]
"""Where each starts and ends."""
NEAREST, FURTHEST = 14, 180
"""Days that dates are moved by."""
MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
MONTH = re.compile(r"(?<![a-z])[a-z]{3,}", re.IGNORECASE)
FORM = re.compile(
    r"\b(?:street|st|avenue|ave|road|rd|lane|ln|drive|boulevard|blvd|court|square|terrace|place|close|crescent|parkway|highway|way"
    r"|suite|ste|apt|apartment|flat|unit|p|o|po|box|postbox|psc|rue|via|calle|rua|ul)\b",
    re.IGNORECASE,
)
"""Words of an address that say what the others are."""


def surrogates(found: Iterable[tuple[str, str]], salt: str, days: str) -> Callable[[str, Places], str]:
    """Puts into a text, with the places found in it, for each (kind, text) found its surrogate wherever that text stands.

    The words of a name are replaced one by one, so that a surname alone is the same person; one that is an ordinary word
    too only in the places found. Dates move together by the days that follow from the salt `days`.
    """
    offset = Random(days).choice((-1, 1)) * Random(days).randint(NEAREST, FURTHEST)
    told: dict[str, str] = {}
    for kind, text in sorted(set(found)):
        if kind == "person name":
            told |= name_words(text, salt, told)
        else:
            rng = Random(f"{salt}/{text.casefold()}")
            told[text.casefold()] = moved(text, offset) if kind == "date" else OF_KIND[kind](text, rng)
    longest = sorted(told, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest))})(?!\w)", re.IGNORECASE)

    def put(text: str, places: Places) -> str:
        def surrogate(match: re.Match[str]) -> str:
            named = any(start <= match.start() < end for start, end in places)
            plain_word = not named and (is_word(match[0]) or len(match[0]) < 3)
            return match[0] if plain_word else cased(told[match[0].casefold()], match[0])

        return pattern.sub(surrogate, text) if told else text

    return put


def cased(surrogate: str, text: str) -> str:
    """The surrogate in the case of the text that it stands for."""
    return surrogate.lower() if text.islower() else surrogate.upper() if text.isupper() and len(text) > 1 else surrogate


def name_words(name: str, salt: str, told: Mapping[str, str]) -> dict[str, str]:
    """The surrogates of a whole name and of each of its words, beside those told already.

    A given name becomes another of its gender, where a list says which; no two words become one. Initials stay.
    """
    own = dict(told)
    for word in WORD.findall(name):
        key = word.casefold()
        if len(word) > 1 and key not in own and word not in PARTICLES:
            taken, others = {key, *own, *(one.casefold() for one in own.values())}, choices(word)
            drawn = Random(f"{salt}/{key}").sample(others, len(taken) + 1)
            own[key] = next(one for one in drawn if one.casefold() not in taken)
    return own | {name.casefold(): WORD.sub(lambda match: own.get(match[0].casefold(), match[0]), name)}


def numbered(text: str, rng: Random) -> str:
    """Other digits and capitals in their places."""
    return re.sub(
        r"[A-Z]", lambda _: rng.choice(ascii_uppercase), re.sub(r"\d", lambda _: str(rng.randint(0, 9)), text)
    )


def lead(numbers: str) -> Callable[[str, Random], str]:
    """Other digits in their places, of which the first are these: a range that nobody is given a number of."""

    def put(text: str, rng: Random) -> str:
        rest = iter(numbers)
        return re.sub(r"\d", lambda match: next(rest, match[0]), numbered(text, rng))

    return put


def phone(text: str, rng: Random) -> str:
    """A number that ends in 555 01 and two more digits, which is for stories (North American Numbering Plan)."""
    first, extension = re.fullmatch(r"(.*?)(\s?(?:x|ext\.?)\s?\d+)?", text).groups(default="")
    ending = iter(f"55501{rng.randint(0, 99):02}"[::-1])
    backwards = re.sub(r"\d", lambda match: next(ending, match[0]), numbered(first, rng)[::-1])
    return backwards[::-1] + numbered(extension, rng)


def street(text: str, rng: Random) -> str:
    """The same form of address with other numbers, and surnames for its words."""
    words = WORD.sub(lambda match: match[0] if FORM.fullmatch(match[0]) else rng.choice(choices("")), text)
    return re.sub(r"\d", lambda _: str(rng.randint(1, 9)), words)


OF_KIND: dict[str, Callable[[str, Random], str]] = {
    "mail address": lambda text, rng: f"{rng.choice(choices('')).lower()}{rng.randint(10, 99)}@example.org",
    "account number": lambda text, rng: text[:2] + lead("00")(text[2:], rng),
    "card number": lead("0"),
    "security number": lead("000"),
    "internet address": lambda text, rng: (
        f"2001:db8:0:0:0:0:0:{rng.randrange(1 << 16):x}" if ":" in text else f"203.0.113.{rng.randrange(256)}"
    ),
    "record number": numbered,
    "phone number": phone,
    "street address": street,
}
"""Kind to its surrogate: RFC 2606 has the mail domain, RFC 3849 and 5737 the nets; no IBAN has 00, no card 0, no area is 000."""


def day_of(text: str) -> date | None:
    """The day that a date says (in a leap year where it says none), month first where both can be; none where it is none."""
    said = dict(zip(roles(text), map(int, re.findall(r"\d+", text)), strict=False))
    if word := MONTH.search(text):
        said["month"] = next(
            (number for number, name in enumerate(MONTHS, 1) if name.startswith(word[0].lower()[:3])), 0
        )
    year = said.get("year", 2000)
    try:
        return date(year + (0 if year > 99 else 2000 if year < 30 else 1900), said["month"], said["day"])
    except ValueError:
        return None


def roles(text: str) -> tuple[str, ...]:
    """What the numbers of a date are, in their order."""
    if MONTH.search(text):
        return "day", "year"
    first = re.match(r"\d+", text)[0]
    if len(first) == 4:
        return "year", "month", "day"
    return ("day", "month", "year") if int(first) > 12 or "." in text else ("month", "day", "year")


def moved(text: str, days: int) -> str:
    """The date so many days later, in its own form."""
    day, names = day_of(text) + timedelta(days), iter(roles(text))
    padded = bool(re.search(r"\b0|^\d{4}", text))

    def number(match: re.Match[str]) -> str:
        value = getattr(day, next(names)) % (10_000 if len(match[1]) == 4 else 100)
        ending = match[2] and ("th" if value // 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th"))
        return f"{value:0{2 if padded else 1}}{ending}"

    def month(match: re.Match[str]) -> str:
        name = MONTHS[day.month - 1].capitalize()
        return name[:3] if len(match[0]) < 4 and match[0].lower() != "may" else name

    return re.sub(r"(\d+)(st|nd|rd|th|)", number, MONTH.sub(month, text))
