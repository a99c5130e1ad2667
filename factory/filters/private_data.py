"""Drops rows that hold somebody's secret or address, or replaces what they hold: what is looked for, conf says.

Numbers that carry a check digit are checked (Luhn for cards, ISO 7064 mod 97 for IBANs), so that an order number is no card.
Names, streets, dates and record numbers are found where they are asked for: rows of the factory's own are full of made-up
ones. What it cannot see stands in docs/decisions/filters.md, with how much it finds of each kind.

Replaced are rows from outside only (a file, the hub); a drawn row's answer follows from its state. One text has one
surrogate in a family of rows, in prompt and answer alike, so that a note stays true to its dialogue; secrets are never
replaced, their rows are dropped.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_changes

from factory.config import PrivateData
from factory.filters import Say
from factory.names import names
from factory.records import Example, Verdict
from factory.surrogates import day_of, surrogates

SECRETS = ("private key", "access token", "password")
"""Kinds that no surrogate is made of."""
OUTSIDE = ("file", "hub")
"""Origins of rows that may be changed: no state proves them."""
Places = Iterator[tuple[int, int]]


@dataclass(frozen=True)
class Span:
    """A place in a text: what it holds, and its characters from `start` to before `end`."""

    kind: str
    start: int
    end: int


def check(examples: Sequence[Example], settings: PrivateData, exam: Sequence[Example], say: Say) -> dict[str, Verdict]:
    """Rows with any of the kinds looked for: dropped, or kept where they are to be replaced and can be."""
    verdicts = {}
    for example in examples:
        found = [one.kind for one in spans(f"{example.prompt}\n{example.answer}", settings.kinds)]
        if found:
            change = (
                settings.action == "replace" and example.tags.get("origin") in OUTSIDE and not set(found) & set(SECRETS)
            )
            verdicts[example.id] = Verdict("kept" if change else "dropped", found[0], len(found))
    return verdicts


def changed(example: Example, settings: PrivateData) -> Example:
    """The row with surrogates for what is found in it, in every text; its provenance counts them by kind."""
    state, whole = example.state or {}, f"{example.prompt}\n{example.answer}"
    parts = [*(message["content"] for message in example.messages), example.answer, state.get("rejected") or ""]
    places = {text: list(spans(text, settings.kinds)) for text in (whole, *parts)}
    found = [(one.kind, text[one.start : one.end]) for text, those in places.items() for one in those]
    surrogate = surrogates(found, f"{settings.seed}/{example.family}", f"{settings.seed}/{example.id}")

    def put(text: str) -> str:
        return surrogate(text, [(one.start, one.end) for one in places[text]])

    return with_changes(
        example,
        messages=tuple(message | {"content": put(message["content"])} for message in example.messages),
        answer=put(example.answer),
        state=example.state and state | {name: put(state[name]) for name in ("answer", "rejected") if state.get(name)},
        provenance=example.provenance | {"replaced": dict(Counter(one.kind for one in places[whole]))},
    )


def spans(text: str, kinds: Sequence[str]) -> Iterator[Span]:
    """What is found of some kinds in a text; of two that overlap the one whose kind comes first in KINDS."""
    taken: list[Span] = []
    for kind, find in KINDS.items():
        if kind in kinds or kind not in ASKED:
            found = [Span(kind, *place) for place in find(text)]
            taken += [one for one in found if all(one.end <= other.start or one.start >= other.end for other in taken)]
    yield from sorted((one for one in taken if one.kind in kinds), key=lambda one: one.start)


def form(pattern: str, right: Callable[[str], bool] = bool, flags: int = 0) -> Callable[[str], Places]:
    """Finds a form by its pattern (its first group, where it has one), and what more must hold of it."""
    compiled = re.compile(pattern, flags)

    def find(text: str) -> Places:
        return (match.span(compiled.groups) for match in compiled.finditer(text) if right(match[compiled.groups]))

    return find


def luhn(text: str) -> bool:
    """The check digit of a card number (ISO/IEC 7812-1)."""
    digits = [int(character) for character in text if character.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return 12 <= len(digits) <= 19 and len(set(digits)) > 1 and sum(doubled) % 10 == 0


def iban(text: str) -> bool:
    """The check digits of an account number (ISO 13616)."""
    plain = re.sub(r"\s", "", text)
    return 15 <= len(plain) <= 34 and int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def address(text: str) -> bool:
    """An address on the internet that is somebody's: not of a private net, not a version number."""
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False


def phone(text: str) -> bool:
    """Seven to fifteen digits (E.164), and not a date, a decimal number or in the form of a security number."""
    return 7 <= sum(map(str.isdigit, text)) <= 15 and not re.fullmatch(
        r"\d{4}-\d\d-\d\d|\d+\.\d+|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{3}-\d\d-\d{4}", text
    )


CAPITAL = r"[^\W\d_a-zß-öø-ÿ][\w'’-]*"
STREET = r"""(?x:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Boulevard|Blvd|Court|Square|Terrace|Place|Close|Crescent|Parkway
    |Highway|Way)\b"""
GLUED = r"(?:stra(?:ß|ss)e|gat[ae]n?|vägen|veien|vegen|vej|gade|stræde|weg|allee|gasse|laan|straat|katu|tie|kuja|utca)"
BEFORE = r"(?:Rue|Avenue|Av|Via|Viale|Piazza|Calle|Avenida|Rua|Praça|Ulica|ul\.|Ul\.)(?:\s+(?:d[aeiou]s?|del|la|della|los|las))*"
UNIT = (
    r"(?:(?:Suite|Ste|Apt|Apartment|Flat|Unit|suite|apt|apartment)\.?\s+\d{1,5}[A-Za-z]?\b"
    r"|(?:P\.?\s?O\.?\s+Box|Box|Postbox|PSC)\s+\d{2,6}\b)"
)
MONTH = (
    r"(?:jan(?:uary|\.)?|feb(?:ruary|\.)?|mar(?:ch|\.)?|apr(?:il|\.)?|may|june?\.?|july?\.?|aug(?:ust|\.)?|sept?(?:ember|\.)?"
    r"|oct(?:ober|\.)?|nov(?:ember|\.)?|dec(?:ember|\.)?)"
)
KINDS: dict[str, Callable[[str], Places]] = {
    "private key": form(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "access token": form(
        r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,}|xox[abpr]-[A-Za-z0-9-]{10,}|sk-[A-Za-z0-9_-]{20,}|hf_[A-Za-z]{30,}|"
        r"AIza[0-9A-Za-z_-]{35}|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})"
    ),
    "password": form(r"\b(?:password|passwd|secret|api[_-]?key)\b\s*[:=]\s*['\"]?[^\s'\"]{6,}", flags=re.IGNORECASE),
    "mail address": form(r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b"),
    "account number": form(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", iban, re.IGNORECASE),
    "card number": form(r"(?<![\d.-])\d(?:[ -]?\d){11,18}(?![\d.-])", luhn),
    "security number": form(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"),
    "internet address": form(
        r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])|(?<![\w:])(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}\b", address
    ),
    "date": form(
        rf"(?<![\w./-])(?:\d{{4}}-\d\d-\d\d|\d{{1,2}}[/-]\d{{1,2}}[/-](?:\d\d)?\d\d|\d{{1,2}}\.\d{{1,2}}\.\d{{4}}"
        rf"|{MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?|\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {MONTH}(?:,? \d{{4}})?)(?![\w/-])",
        lambda text: day_of(text) is not None,
        re.IGNORECASE,
    ),
    "record number": form(
        r"\b(?:mrn|medical record(?: number)?|(?:patient|record|policy|member|licen[cs]e|passport)(?:['’]s)? (?:id|no\.?|number))"
        r"\s*(?:is|:|#)?\s*((?:[A-Z]{1,3}-?)?\d[\d-]{4,})\b",
        flags=re.IGNORECASE,
    ),
    "street address": form(
        rf"(?:\b\d{{1,5}}[A-Za-z]?,?\s+)*(?:\b\d{{1,5}}[A-Za-z]?\s+(?:{CAPITAL}\s+){{1,3}}{STREET}|\b\d{{1,5}}\s+(?:\w+\s){{1,2}}(?:street|avenue|boulevard)\b"
        rf"|\b[^\W\d_]\w{{2,}}{GLUED}\s+\d{{1,4}}\b"
        rf"|\b{BEFORE}(?:\s+{CAPITAL}){{1,4}},?(?:\s+\d{{1,5}}\b)?|\b(?:{CAPITAL}\s+){{0,3}}(?:\d{{1,5}}\s+)?{UNIT})"
        rf"(?:,?\s+{UNIT})*(?:,?\s+(?:{CAPITAL},?\s+){{0,4}}\d{{5}}(?:-\d{{4}})?\b)?"
    ),
    "phone number": form(
        r"(?<![\w.-])(?:(?:\+\d{1,3}[ .-]?)?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]\d{2,4}){1,4}"
        r"|(?:\+\d{1,3}[ .-]?|\(\d{1,4}\) ?|0)\d{1,4}(?:[ .-]\d{2,8}){1,3})(?:\s?(?:x|ext\.?)\s?\d{1,5})?(?![\w-])",
        phone,
    ),
    "person name": names,
}
"""Kind to what finds it."""
ASKED = ("date", "record number", "street address", "person name")
"""Kinds that are looked for only where they are asked for; the others also say what a number of another kind is not."""
