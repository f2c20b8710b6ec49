"""Runs suites and holds their figures against `goals.toml`."""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evals.cases import Half
from evals.suites import Progress, Result, Suite
from evals.suites.answers import answers
from evals.suites.classification import classification
from evals.suites.conversations import conversations

SUITES: dict[str, Suite] = {
    "classification": classification,
    "answers": answers,
    "conversations": conversations,
}
GOALS = Path(__file__).with_name("goals.toml")


@dataclass(frozen=True, slots=True)
class Missed:
    suite: str
    figure: str
    value: float
    wanted: str
    """Such as `at least 0.9`."""


def run_suites(names: Sequence[str], half: Half, progress: Progress) -> dict[str, Result]:
    """Results by suite.

    Raises:
        KeyError: an unknown suite.
    """
    return {name: SUITES[name](half, progress) for name in names}


def missed_goals(results: dict[str, Result], goals: Path = GOALS) -> list[Missed]:
    """Every goal of the suites that ran which their figures do not reach."""
    wanted: dict[str, dict[str, dict[str, float]]] = tomllib.loads(goals.read_text(encoding="utf-8"))
    missed = []
    for suite, result in results.items():
        bounds = wanted.get(suite, {})
        for figure, bound in bounds.get("at_least", {}).items():
            if result.figures[figure] < bound:
                missed.append(Missed(suite, figure, result.figures[figure], f"at least {bound}"))
        for figure, bound in bounds.get("at_most", {}).items():
            if result.figures[figure] > bound:
                missed.append(Missed(suite, figure, result.figures[figure], f"at most {bound}"))
    return missed


def as_document(results: dict[str, Result], missed: Sequence[Missed], half: Half) -> dict[str, Any]:
    """JSON of a whole run."""
    return {
        "half": half,
        "suites": {name: asdict(result) for name, result in results.items()},
        "missed": [asdict(miss) for miss in missed],
    }


def write_report(folder: Path, document: dict[str, Any]) -> Path:
    """The run as `results.json` in `folder`, which is made; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "results.json"
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return file
