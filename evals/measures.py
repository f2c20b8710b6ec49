"""Figures, each by its definition."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]
BINS = 10


@dataclass(frozen=True, slots=True)
class AtThreshold:
    share: float
    """Of all cases, those with at least the threshold's probability."""
    precision: float
    """Of those, the ones that are right; 1 when there are none."""


def at_threshold(probabilities: Floats, right: Truth, threshold: float) -> AtThreshold:
    taken = probabilities >= threshold
    return AtThreshold(float(taken.mean()), float(right[taken].mean()) if taken.any() else 1.0)


def expected_calibration_error(probabilities: Floats, right: Truth, bins: int = BINS) -> float:
    """Mean distance of stated probability and share of right ones, over bins of equal width, weighted by their size.

    Source: Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015.
    """
    if len(probabilities) == 0:
        return 0.0
    places = np.minimum((probabilities * bins).astype(int), bins - 1)
    error = 0.0
    for place in np.unique(places):
        inside = places == place
        error += inside.mean() * abs(probabilities[inside].mean() - right[inside].mean())
    return float(error)
