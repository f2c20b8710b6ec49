"""What samples come to: a ratio of medians with its interval, and whether it meets its goal."""

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

ROUNDS = 2_000
CONFIDENCE = 0.95
SEED = 20


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same work measured on both sides, in the same unit, interleaved in one run."""

    name: str
    unit: str
    clara: Sequence[float]
    naive: Sequence[float]
    goal: float | None = None
    """The largest ratio that is good enough; None: told, not judged."""

    @property
    def passed(self) -> bool:
        return self.goal is None or ratio_of_medians(self.clara, self.naive) <= self.goal

    def as_json(self) -> dict[str, Any]:
        low, high = bootstrap_interval(self.clara, self.naive)
        return {
            "name": self.name,
            "unit": self.unit,
            "clara": summary(self.clara),
            "naive": summary(self.naive),
            "ratio": round(ratio_of_medians(self.clara, self.naive), 4),
            "interval": [round(low, 4), round(high, 4)],
            "goal": self.goal,
            "passed": self.passed,
        }


def summary(samples: Sequence[float]) -> dict[str, float]:
    rounded = (round(value, 6) for value in (statistics.median(samples), min(samples), max(samples)))
    return {"n": len(samples), **dict(zip(("median", "min", "max"), rounded, strict=True))}


def ratio_of_medians(clara: Sequence[float], naive: Sequence[float]) -> float:
    """Below 1: Clara needs less. Raises ZeroDivisionError when the naive median is 0."""
    return statistics.median(clara) / statistics.median(naive)


def bootstrap_interval(
    clara: Sequence[float], naive: Sequence[float], *, rounds: int = ROUNDS, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Percentile bootstrap of the ratio of medians; each side is drawn anew by itself, with a fixed seed.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13.
    """
    chance = random.Random(SEED)
    ratios = sorted(
        ratio_of_medians(chance.choices(clara, k=len(clara)), chance.choices(naive, k=len(naive)))
        for _ in range(rounds)
    )
    tail = (1 - confidence) / 2
    return quantile(ratios, tail), quantile(ratios, 1 - tail)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Of ascending values, the one below which that share lies, between neighbours in a straight line."""
    place = share * (len(ordered) - 1)
    lower = int(place)
    upper = min(lower + 1, len(ordered) - 1)
    return ordered[lower] + (ordered[upper] - ordered[lower]) * (place - lower)
