"""Runs suites and writes down what they gave."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evals.casefile import read_case_file
from evals.cases import Half
from evals.collections import OWN, USERS, Collection, own, users
from evals.context import Run
from evals.goals import Goal
from evals.public import PUBLIC, public
from evals.report import as_html
from evals.suites import Result
from evals.suites.answers import answers
from evals.suites.classification import classification
from evals.suites.confidence import confidence
from evals.suites.conversations import conversations
from evals.suites.labels import labels
from evals.suites.retrieval import retrieval

Suite = Callable[[Run], Mapping[str, Result]]
"""Gives results by collection; one that is not taken per collection is named `WHOLE`."""

SUITES: dict[str, Suite] = {
    "classification": labels,
    "retrieval": retrieval,
    "confidence": confidence,
    "answers": answers,
    "conversations": conversations,
}
FORMULAS = {
    name: sys.modules[(classification if suite is labels else suite).__module__].__doc__ or ""
    for name, suite in SUITES.items()
}
"""What the figures mean, as the suites' modules say it."""
ON_A_USERS_OWN = ("retrieval", "confidence", "answers")
"""Suites that a user's own knowledge base and cases can be measured with."""
COLLECTIONS = (OWN, *PUBLIC)
DEFAULT_COLLECTIONS = (OWN, "stackfaq")
"""The others take minutes to encode the first time."""


def named_collections(names: Sequence[str], half: Half) -> tuple[list[Collection], list[str]]:
    """The collections, and the names of those whose data is not there. Raises KeyError for an unknown name."""
    found, skipped = [], []
    for name in dict.fromkeys(names):
        collection = own(half) if name == OWN else public(name)
        if collection is None:
            skipped.append(name)
        else:
            found.append(collection)
    return found, skipped


def users_collection(kb: Path, cases: Path) -> Collection:
    """Raises BadCases."""
    return users(kb, read_case_file(cases))


def run_suites(names: Sequence[str], run: Run) -> dict[str, Result]:
    """Results by suite, or by suite and collection, such as `retrieval.own`.

    Raises:
        KeyError: an unknown suite.
    """
    return {
        ".".join(filter(None, (name, collection))): result
        for name in names
        for collection, result in SUITES[name](run).items()
    }


def as_document(
    results: Mapping[str, Result], run: Run, skipped: Sequence[str], held: Sequence[Goal]
) -> dict[str, Any]:
    """JSON of a whole run.

    Args:
        skipped: collections whose data is not there.
        held: the goals that the results were held against.
    """
    return {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "half": None if run.answered.name == USERS else run.half,
        "encoder": run.settings.encoder,
        "answer_at": run.settings.answer_at,
        "suggest_at": run.settings.suggest_at,
        "skipped": list(skipped),
        "unknown_articles": run.unknown,
        "goals": [asdict(goal) for goal in held],
        "missed": [asdict(goal) for goal in held if not goal.met],
        "formulas": {name: FORMULAS[name] for name in dict.fromkeys(name.partition(".")[0] for name in results)},
        "suites": {name: asdict(result) for name, result in results.items()},
    }


def write_report(folder: Path, document: dict[str, Any]) -> Path:
    """The run as `results.json` and `report.html` in `folder`, which is made; returns the page."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1, ensure_ascii=False)
    (folder / "results.json").write_text(text + "\n", encoding="utf-8")
    page = folder / "report.html"
    page.write_text(as_html(document), encoding="utf-8")
    return page
