"""Two runs figure by figure: which differences are real, and which could be the luck of the cases?

For a figure that is a mean over cases, the cases that both runs have are drawn anew with replacement, the same draw for
both runs, 2,000 times; the interval holds the middle 95 % of the differences (a paired percentile bootstrap, Efron and
Tibshirani, "An Introduction to the Bootstrap", chapter 13). A difference is real when its interval does not hold 0.
A mean over a part of the cases (such as precision, over what was answered) is drawn with its part of each run. Other
figures have no interval. Where the runs' cases differ, old and new are still the figures of all of each run's cases.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROUNDS = 2_000
ROUNDS_AT_ONCE = 200
"""Draws held in memory at a time; each is a row as long as the cases are many."""
SEED = 29
RESULTS = "results.json"
SMALLER_IS_BETTER = ("ece", "brier", "false_answers")
"""How the names of such figures begin."""
COUNTS = ("questions", "messages", "answerable")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    suite: str
    figure: str
    old: float
    new: float
    interval: tuple[float, float] | None
    """Of new less old over the common cases, 95 %; None when the figure is no mean or no case is common."""
    cases: int
    """In both runs, and in at least one of them part of the figure."""

    @property
    def verdict(self) -> str:
        """`better` or `worse` when the difference is real, `same` when it may be luck, else empty."""
        if self.interval is None:
            return ""
        low, high = self.interval
        if low <= 0 <= high:
            return "same"
        return "better" if (low > 0) != self.figure.startswith(SMALLER_IS_BETTER) else "worse"

    def as_json(self) -> dict[str, Any]:
        return {
            "suite": self.suite,
            "figure": self.figure,
            "old": self.old,
            "new": self.new,
            "difference": self.new - self.old,
            "interval": self.interval,
            "cases": self.cases,
            "verdict": self.verdict,
        }


class NotResults(ValueError):
    """A file is no `results.json`; the message says which and why."""


def read_results(path: Path) -> dict[str, Any]:
    """Of the file, or of the folder that a report was written into. Raises NotResults."""
    file = path / RESULTS if path.is_dir() else path
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as fault:
        raise NotResults(f"{file}: {fault.strerror}") from None
    except ValueError:
        raise NotResults(f"{file}: not JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get("suites"), dict):
        raise NotResults(f"{file}: no results of `clara eval`")
    return document


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    """Every figure that both runs have, in the new one's order."""
    for suite, result in new["suites"].items():
        before = old["suites"].get(suite)
        if before is None:
            continue
        for figure, value in result["figures"].items():
            if figure in before["figures"] and figure not in COUNTS:
                pairs = paired(before.get("cases", []), result.get("cases", []), figure)
                interval = bootstrap_interval(*pairs)
                yield Difference(suite, figure, before["figures"][figure], value, interval, len(pairs[0]))


def paired(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]], figure: str) -> tuple[Floats, Floats]:
    """The figure's values in the cases of both runs; NaN where a case does not count in one of them."""
    before = {case["id"]: case["figures"].get(figure, np.nan) for case in old}
    after = {case["id"]: case["figures"].get(figure, np.nan) for case in new}
    common = [name for name in after if name in before and not (np.isnan(after[name]) and np.isnan(before[name]))]
    return np.array([before[name] for name in common], float), np.array([after[name] for name in common], float)


def bootstrap_interval(old: Floats, new: Floats, *, rounds: int = ROUNDS) -> tuple[float, float] | None:
    """Where 95 % of the differences of means lie; None when a run has no value.

    Draws in which one of the runs has no value are left out.
    """
    if np.isnan(old).all() or np.isnan(new).all():
        return None
    chance = np.random.default_rng(SEED)
    differences = []
    for start in range(0, rounds, ROUNDS_AT_ONCE):
        drawn = min(ROUNDS_AT_ONCE, rounds - start)
        times = chance.multinomial(len(old), np.full(len(old), 1 / len(old)), drawn).astype(float)
        differences.append(_means(times, new) - _means(times, old))
    low, high = np.nanquantile(np.concatenate(differences), (0.025, 0.975)).tolist()
    return low, high


def _means(times: Floats, values: Floats) -> Floats:
    """Of each draw (a row: how often each case was drawn) the mean of what it drew; NaN where that is nothing."""
    present = ~np.isnan(values)
    sums, counts = times @ np.nan_to_num(values), times @ present.astype(float)
    means: Floats = np.divide(sums, counts, out=np.full(len(times), np.nan), where=counts > 0)
    return means


def as_table(differences: Sequence[Difference]) -> str:
    """Lines for a terminal."""
    lines = []
    suite = None
    for each in differences:
        if each.suite != suite:
            suite = each.suite
            lines.append(f"{suite:<36} {'old':>7} {'new':>7} {'diff':>7}  95 % interval     cases")
        interval = "" if each.interval is None else f"{each.interval[0]:+.3f} .. {each.interval[1]:+.3f}"
        line = f"  {each.figure:<34} {each.old:7.3f} {each.new:7.3f} {each.new - each.old:+7.3f}  {interval:<16}"
        lines.append(f"{line} {each.cases or '':>6}  {each.verdict}".rstrip())
    return "\n".join(lines)
