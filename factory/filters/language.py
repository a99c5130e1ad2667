"""Drops rows in another language than those named, as naive Bayes over byte n-grams tells it (Lui and Baldwin 2012, py3langid).

Short texts, and those of which the model is not sure, are not judged: a name or a formula has no language.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from factory.config import Language
from factory.filters import Say
from factory.records import Example, Verdict
from factory.text import words

NONE = "zxx"
"""ISO 639's code of what is no language."""


def check(examples: Sequence[Example], settings: Language, exam: Sequence[Example], say: Say) -> dict[str, Verdict]:
    """Rows of `least` words or more that are in another language than those named, with its probability."""
    dropped = {}
    for example in examples:
        text = f"{example.prompt}\n{example.answer}"
        if len(words(text)) < settings.least:
            continue
        language, probability = identifier().classify(text)
        if language not in (*settings.languages, NONE) and probability >= settings.sure:
            dropped[example.id] = Verdict.drop(f"in another language: {language}", round(float(probability), 4))
    return dropped


@cache
def identifier() -> Any:
    """The model of the library, with probabilities."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
