"""Drops what no person wrote: bytes read in the wrong encoding, control characters, and words that go round in circles.

A circle is a run of up to `WIDEST` words that follows itself: how a small model fails, and how a scraped page does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from factory.config import BrokenText
from factory.filters import Say
from factory.records import Example, Verdict

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd\ud800-\udfff\ufffe\uffff]")
MISREAD = re.compile(r"[ÃÂ][\u0080-\u00bf]|â€|Ã[ƒ‚„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|ðŸ")
"""UTF-8 read as Latin-1 or Windows-1252: two or three odd letters where one should be."""
WIDEST = 8
"""Words of the longest run that is looked for."""


def check(examples: Sequence[Example], settings: BrokenText, exam: Sequence[Example], say: Say) -> dict[str, Verdict]:
    """Rows with a broken character, and rows that say one run of words over `circles` times in a row."""
    found = {example.id: broken(f"{example.prompt}\n{example.answer}", settings.circles) for example in examples}
    return {name: verdict for name, verdict in found.items() if verdict}


def broken(text: str, circles: int) -> Verdict | None:
    """What is wrong with a text, if anything is."""
    if odd := CONTROL.findall(text):
        return Verdict.drop("characters no one writes", len(odd))
    if odd := MISREAD.findall(text):
        return Verdict.drop("read in the wrong encoding", len(odd))
    most = longest_circle(text.casefold().split())
    return Verdict.drop("goes round in circles", most) if most > circles else None


def longest_circle(words: Sequence[str]) -> int:
    """How often one run of words stands in a row, at most; 1 where none follows itself."""
    most = 1
    for width in range(1, min(WIDEST, len(words) // 2) + 1):
        same = 0
        for i in range(width, len(words)):
            same = same + 1 if words[i] == words[i - width] else 0
            most = max(most, 1 + same // width)
    return most
