"""What is measured, a module a suite: each takes a run and returns figures, failures and outcomes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Progress = Callable[[int, int], None]
"""Called with cases done and cases in all."""

WHOLE = ""
"""The name of a suite's one result when it is not taken per collection."""


@dataclass(frozen=True, slots=True)
class Result:
    figures: Mapping[str, float]
    """Shares are 0..1."""
    failures: list[dict[str, Any]]
    """The cases that went wrong, with what was said; of sealed cases only the ids, so that nobody tunes on them."""
    cases: list[dict[str, Any]] = field(default_factory=list)
    """`{"id", "figures": {name: value}}`: a figure that is a mean has a value in each case that it is taken over."""
    plots: dict[str, Any] = field(default_factory=dict)
    """What the report draws, by kind of plot; see `evals.report`."""


def row(case_id: str, **figures: float | bool | None) -> dict[str, Any]:
    """A case's outcome; what is None does not count for the case."""
    return {"id": case_id, "figures": {name: float(value) for name, value in figures.items() if value is not None}}


def means(cases: list[dict[str, Any]], *names: str, empty: float = 1.0) -> dict[str, float]:
    """Each figure as its mean over the cases that have it; `empty` when none does."""
    found = {}
    for name in names:
        values = [case["figures"][name] for case in cases if name in case["figures"]]
        found[name] = sum(values) / len(values) if values else empty
    return found
