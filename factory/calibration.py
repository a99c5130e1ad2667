"""Whether a model is right as often as it is sure: confidences held against scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Bin:
    """Answers of like confidence: their number, the ends and the mean of their confidence, and their mean score."""

    rows: int
    low: float
    high: float
    confidence: float
    score: float


def binned(confidences: Sequence[float], scores: Sequence[float], count: int) -> list[Bin]:
    """The answers in bins of like confidence, the least sure first, as many in each as can be (Nguyen and O'Connor 2015)."""
    sure, right = np.asarray(confidences, float), np.asarray(scores, float)
    parts = [part for part in np.array_split(np.argsort(sure, kind="stable"), count) if len(part)]
    return [
        Bin(len(part), *map(float, (sure[part].min(), sure[part].max(), sure[part].mean())), float(right[part].mean()))
        for part in parts
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """How far confidence and score lie apart, on the mean over answers (Guo et al. 2017): 0 is perfectly calibrated."""
    return sum(one.rows * abs(one.confidence - one.score) for one in bins) / sum(one.rows for one in bins)


def auroc(confidences: Sequence[float], right: Sequence[bool]) -> float | None:
    """The chance that of a right and a wrong answer the right one is the surer, ties half; None where all are of one kind.

    The area under the ROC curve, as Mann and Whitney's statistic (Hanley and McNeil 1982).
    """
    from scipy.stats import rankdata

    good = np.asarray(right, bool)
    yes, no = int(good.sum()), int((~good).sum())
    if not yes or not no:
        return None
    return float((rankdata(np.asarray(confidences, float))[good].sum() - yes * (yes + 1) / 2) / (yes * no))
