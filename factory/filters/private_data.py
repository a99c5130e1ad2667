"""Drops rows that hold somebody's secret or address: keys and passwords, mail, phone, card, account and security numbers.

Numbers that carry a check digit are checked (Luhn for cards, ISO 7064 mod 97 for IBANs), so that an order number is no card.
What it cannot see: a name, a street, a birthday. They have no form of their own.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from factory.config import PrivateData
from factory.filters import Say
from factory.records import Example, Verdict


@dataclass(frozen=True)
class Span:
    """A place in a text: what it holds, and its characters from `start` to before `end`."""

    kind: str
    start: int
    end: int


def check(examples: Sequence[Example], settings: PrivateData, exam: Sequence[Example], say: Say) -> dict[str, Verdict]:
    """Rows with any of the kinds looked for."""
    dropped = {}
    for example in examples:
        found = [one.kind for one in spans(f"{example.prompt}\n{example.answer}") if one.kind in settings.kinds]
        if found:
            dropped[example.id] = Verdict.drop(found[0], len(found))
    return dropped


def spans(text: str) -> Iterator[Span]:
    """Everything private that is found in a text; of two that overlap the one whose kind comes first."""
    taken: list[Span] = []
    for kind, (pattern, right) in KINDS.items():
        found = [Span(kind, *match.span()) for match in pattern.finditer(text) if right(match[0])]
        taken += [one for one in found if all(one.end <= other.start or one.start >= other.end for other in taken)]
    yield from sorted(taken, key=lambda one: one.start)


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


def always(text: str) -> bool:
    """The form alone tells."""
    return True


KINDS: dict[str, tuple[re.Pattern[str], Callable[[str], bool]]] = {
    "private key": (re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"), always),
    "access token": (
        re.compile(
            r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,}|xox[abpr]-[A-Za-z0-9-]{10,}|sk-[A-Za-z0-9_-]{20,}|hf_[A-Za-z]{30,}|"
            r"AIza[0-9A-Za-z_-]{35}|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})"
        ),
        always,
    ),
    "password": (
        re.compile(r"\b(?:password|passwd|secret|api[_-]?key)\b\s*[:=]\s*['\"]?[^\s'\"]{6,}", re.IGNORECASE),
        always,
    ),
    "mail address": (re.compile(r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b"), always),
    "account number": (re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", re.IGNORECASE), iban),
    "card number": (re.compile(r"(?<![\d.-])\d(?:[ -]?\d){11,18}(?![\d.-])"), luhn),
    "security number": (re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"), always),
    "internet address": (
        re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])|(?<![\w:])(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}\b"),
        address,
    ),
    "phone number": (
        re.compile(
            r"(?<![\w.-])(?:(?:\+\d{1,3}[ .-]?)?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]\d{2,4}){1,4}"
            r"|(?:\+\d{1,3}[ .-]?|\(\d{1,4}\) ?|0)\d{1,4}(?:[ .-]\d{2,8}){1,3})(?:\s?(?:x|ext\.?)\s?\d{1,5})?(?![\w-])"
        ),
        phone,
    ),
}
"""Kind to its form, and what more must hold."""
