"""What is measured, a module a suite: each takes a half of the cases and returns its figures and its failures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evals.cases import Half

Progress = Callable[[int, int], None]
"""Called with cases done and cases in all."""


@dataclass(frozen=True, slots=True)
class Result:
    figures: Mapping[str, float]
    """Shares are 0..1."""
    failures: list[dict[str, Any]]
    """The cases that went wrong, with what was said; of sealed cases only the ids, so that nobody tunes on them."""


Suite = Callable[[Half, Progress], Result]
