"""IFEval's 25 kinds of constraint (Zhou et al. 2023), each checked by code of our own from its description.

A check takes the answer and what the row says of its constraint. Words are runs of letters and digits; sentences end with
a mark behind which a blank or the end stands, and abbreviations with a dot are not known: counts of sentences may differ
by a few from those of a trained splitter. Languages are told by naive Bayes over bytes (py3langid).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from factory.filters.language import identifier

Check = Callable[[str, dict[str, Any]], bool]
"""Whether an answer keeps a constraint."""
PHRASES = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
STARS = "*" * 6
QUOTES = '"“”'


def related(count: int, relation: str, limit: int) -> bool:
    """`less than` or `at least`."""
    return count < limit if relation == "less than" else count >= limit


def word_count(text: str) -> int:
    """Words."""
    return len(re.findall(r"\w+", text))


def sentence_count(text: str) -> int:
    """Sentences."""
    parts = re.split(r"(?<=[.!?])[\"”')\]]*(?:\s+|$)|\n\s*\n", text)
    return sum(bool(re.search(r"\w", part)) for part in parts)


def said(word: str, text: str) -> int:
    """How often a word or phrase is said, whatever its case, not as a part of a longer word."""
    return len(re.findall(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE))


def paragraphs(text: str, between: str) -> list[str] | None:
    """What stands between the marks; empty ends do not count, and None where something between two marks is empty."""
    parts = [part.strip() for part in re.split(between, text)]
    inner = parts[bool(parts and not parts[0]) : len(parts) - bool(len(parts) > 1 and not parts[-1])]
    return inner if all(inner) else None


def begins(text: str, about: dict[str, Any]) -> bool:
    """So many paragraphs with an empty line between them, and the n-th begins with the word."""
    parts = [part.strip() for part in re.split(r"\n\n", text) if part.strip()]
    place = about["nth_paragraph"]
    first = re.match(r"\W*([\w']+)", parts[place - 1]) if place <= len(parts) else None
    return len(parts) == about["num_paragraphs"] and bool(first) and first[1].lower() == about["first_word"].lower()


def highlighted(text: str) -> int:
    """Stretches between stars, one or two on each side."""
    found = re.findall(r"\*\*([^*\n]+)\*\*|\*([^*\n]+)\*", text)
    return sum(any(part.strip() for part in pair) for pair in found)


def is_json(text: str) -> bool:
    """Whether a text is JSON, with or without fences around it."""
    try:
        json.loads(re.sub(r"^```(?:json)?\s*|\s*```$", "", text.strip(), flags=re.IGNORECASE))
    except ValueError:
        return False
    return True


def two(text: str) -> bool:
    """Two different answers with six stars between them."""
    parts = paragraphs(text, re.escape(STARS))
    return parts is not None and len(parts) == 2 and parts[0] != parts[1]


def postscript(text: str, marker: str) -> bool:
    """Whether the mark of a postscript stands in it; a blank between its letters is fine."""
    letters = r"\.\s?".join(marker.replace(".", "")) + (r"\." if marker.endswith(".") else "")
    return bool(re.search(rf"(?<!\w){letters}", text, re.IGNORECASE))


def capitals(text: str) -> int:
    """Words of capital letters alone."""
    return sum(word.isupper() for word in re.findall(r"[\w'’-]+", text))


def in_language(text: str, language: str) -> bool:
    """Whether it is in that language, as far as it can be told."""
    return identifier().classify(text)[0] == language


CHECKS: dict[str, Check] = {
    "keywords:existence": lambda text, about: all(word.lower() in text.lower() for word in about["keywords"]),
    "keywords:frequency": lambda text, about: related(
        len(re.findall(re.escape(about["keyword"]), text, re.IGNORECASE)), about["relation"], about["frequency"]
    ),
    "keywords:forbidden_words": lambda text, about: not any(said(word, text) for word in about["forbidden_words"]),
    "keywords:letter_frequency": lambda text, about: related(
        text.lower().count(about["letter"].lower()), about["let_relation"], about["let_frequency"]
    ),
    "language:response_language": lambda text, about: in_language(text, about["language"]),
    "length_constraints:number_words": lambda text, about: related(
        word_count(text), about["relation"], about["num_words"]
    ),
    "length_constraints:number_sentences": lambda text, about: related(
        sentence_count(text), about["relation"], about["num_sentences"]
    ),
    "length_constraints:number_paragraphs": lambda text, about: (
        len(paragraphs(text, r"\s?\*\*\*\s?") or ()) == about["num_paragraphs"]
    ),
    "length_constraints:nth_paragraph_first_word": begins,
    "detectable_content:number_placeholders": lambda text, about: (
        len(re.findall(r"\[[^\[\]]*\]", text)) >= about["num_placeholders"]
    ),
    "detectable_content:postscript": lambda text, about: postscript(text, about["postscript_marker"]),
    "detectable_format:number_bullet_lists": lambda text, about: (
        len(re.findall(r"^\s*(?:\*(?!\*)|-)\s*\S", text, re.MULTILINE)) == about["num_bullets"]
    ),
    "detectable_format:constrained_response": lambda text, about: any(phrase in text for phrase in PHRASES),
    "detectable_format:number_highlighted_sections": lambda text, about: highlighted(text) >= about["num_highlights"],
    "detectable_format:multiple_sections": lambda text, about: (
        len(re.findall(rf"{re.escape(about['section_spliter'])}\s?\d+", text)) >= about["num_sections"]
    ),
    "detectable_format:json_format": lambda text, about: is_json(text),
    "detectable_format:title": lambda text, about: bool(re.search(r"<<[^<>\n]*[^<>\s][^<>\n]*>>", text)),
    "combination:two_responses": lambda text, about: two(text),
    "combination:repeat_prompt": lambda text, about: (
        text.strip().lower().startswith(about["prompt_to_repeat"].strip().lower())
    ),
    "startend:end_checker": lambda text, about: (
        text.strip().strip(QUOTES).strip().lower().endswith(about["end_phrase"].strip().lower())
    ),
    "startend:quotation": lambda text, about: (
        bool(re.fullmatch(r'".*"', text.strip(), re.DOTALL)) and len(text.strip()) > 1
    ),
    "change_case:english_capital": lambda text, about: text.isupper() and in_language(text.lower(), "en"),
    "change_case:english_lowercase": lambda text, about: text.islower() and in_language(text, "en"),
    "change_case:capital_word_frequency": lambda text, about: related(
        capitals(text), about["capital_relation"], about["capital_frequency"]
    ),
    "punctuation:no_comma": lambda text, about: "," not in text,
}
