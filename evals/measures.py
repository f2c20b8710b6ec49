"""Figures, each by its definition. Probabilities and scores are float arrays, truths boolean arrays of the same length.

Where a figure has nothing to be taken over it is what an empty set cannot spoil: a share is 1, an error is 0, and an
AUROC, which then says nothing, is 0.5.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]
BINS = 10
FOLDS = 5
INVERSE_REGULARISATION = 10.0
"""Of the logistic fit on one score; so weak that it hardly matters."""


@dataclass(frozen=True, slots=True)
class AtThreshold:
    share: float
    """Of all cases, those with at least the threshold's probability."""
    precision: float
    """Of those, the ones that are right; 1 when there are none."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Cases whose probability lies in one stretch of equal width."""

    low: float
    high: float
    count: int
    stated: float
    """Mean probability."""
    right: float
    """Share of right ones."""


@dataclass(frozen=True, slots=True)
class Operating:
    """What a threshold gives."""

    threshold: float
    precision: float
    coverage: float
    """Right ones at or above the threshold, of all that could be right."""


def share(hits: Truth, among: Truth) -> float:
    """Of those `among`, how many are `hits`; 1 when there are none."""
    return float(hits[among].mean()) if among.any() else 1.0


def at_threshold(probabilities: Floats, right: Truth, threshold: float) -> AtThreshold:
    taken = probabilities >= threshold
    return AtThreshold(float(taken.mean()) if len(taken) else 0.0, share(right, taken))


def reliability_bins(probabilities: Floats, right: Truth, bins: int = BINS) -> list[Bin]:
    """The bins that are not empty, lowest first."""
    places = np.minimum((probabilities * bins).astype(int), bins - 1)
    found = []
    for place in np.unique(places).tolist():
        inside = places == place
        stated, share_right = float(probabilities[inside].mean()), float(right[inside].mean())
        found.append(Bin(place / bins, (place + 1) / bins, int(inside.sum()), stated, share_right))
    return found


def expected_calibration_error(probabilities: Floats, right: Truth, bins: int = BINS) -> float:
    """Mean distance of stated probability and share of right ones, over bins of equal width, weighted by their size.

    Source: Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015.
    """
    found = reliability_bins(probabilities, right, bins)
    return sum(each.count * abs(each.stated - each.right) for each in found) / max(len(probabilities), 1)


def squared_errors(probabilities: Floats, right: Truth) -> Floats:
    """(p - y)² of each case; their mean is the Brier score (Brier, 1950)."""
    errors: Floats = (probabilities - right) ** 2
    return errors


def auroc(scores: Floats, positive: Truth) -> float:
    """The chance that a positive case scores above a negative one, ties counting half (Mann-Whitney).

    Source: Hanley and McNeil, "The Meaning and Use of the Area under a ROC Curve", 1982.
    """
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return 0.5
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]  # from 1, ties share their mean
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def operating_points(scores: Floats, right: Truth, answerable: int) -> list[Operating]:
    """Precision and coverage at every distinct score as the threshold, highest threshold first.

    Args:
        answerable: how many cases could be right.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(right[order])
    last_of_ties = np.flatnonzero(np.diff(ranked, append=-np.inf))
    return [
        Operating(float(ranked[n]), float(hits[n] / (n + 1)), float(hits[n] / max(answerable, 1)))
        for n in last_of_ties.tolist()
    ]


def coverage_at_precision(scores: Floats, right: Truth, answerable: int, precision: float = 0.95) -> float:
    """The largest coverage of any threshold whose precision is at least `precision`; 0 when there is none."""
    points = operating_points(scores, right, answerable)
    return max((point.coverage for point in points if point.precision >= precision), default=0.0)


def held_out_logistic(scores: Floats, right: Truth, groups: Sequence[str], folds: int = FOLDS) -> Floats:
    """Each case's probability by a logistic fit on the one score that has not seen the case's group.

    With fewer groups than folds there are as many folds as groups; where the other cases are all right or all wrong
    (or there are none), their smoothed share, (right + 1) / (cases + 2), stands for the fit.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - a second to import
    from sklearn.model_selection import GroupKFold  # noqa: PLC0415

    given = np.full(len(scores), 0.5)
    count = min(folds, len(set(groups)))
    if count < 2:
        return given
    column = scores.reshape(-1, 1)
    for known, unknown in GroupKFold(count).split(column, groups=groups):
        if right[known].all() or not right[known].any():
            given[unknown] = (right[known].sum() + 1) / (len(known) + 2)
            continue
        model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=1_000).fit(column[known], right[known])
        given[unknown] = model.predict_proba(column[unknown])[:, 1]
    return given


def hit_at(ranked: Sequence[str], gold: frozenset[str], k: int) -> float:
    """1 when any of `gold` is among the first k."""
    return float(not gold.isdisjoint(ranked[:k]))


def recall_at(ranked: Sequence[str], gold: frozenset[str], k: int) -> float:
    """Of the gold articles (at most k of them can be shown), the share among the first k; 1 when there are none."""
    return len(gold.intersection(ranked[:k])) / min(len(gold), k) if gold else 1.0


def reciprocal_rank(ranked: Sequence[str], gold: frozenset[str], k: int) -> float:
    """1 over the place, from 1, of the first gold article; 0 when it is not among the first k."""
    return next((1 / place for place, name in enumerate(ranked[:k], start=1) if name in gold), 0.0)
