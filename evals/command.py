"""What `clara eval` does, apart from reading its command line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.casefile import BadCases
from evals.cases import Half
from evals.collections import Collection
from evals.compare import NotResults, as_table, compare, read_results
from evals.context import Run, Step
from evals.goals import GOALS, BadGoals, Bound, held_against, read_goals, told
from evals.homes import Say
from evals.run import (
    COLLECTIONS,
    DEFAULT_COLLECTIONS,
    ON_A_USERS_OWN,
    SUITES,
    as_document,
    named_collections,
    run_suites,
    users_collection,
    write_report,
)


class BadUsage(ValueError):
    """What was asked for cannot be done; the message says why."""


@dataclass(frozen=True, slots=True)
class Chosen:
    suites: Sequence[str]
    collections: Sequence[Collection]
    skipped: Sequence[str]
    """Collections whose data is not there."""
    half: Half
    goals: Sequence[Bound]


def choose(
    suites: Sequence[str],
    collections: str | None,
    kb: Path | None,
    cases: Path | None,
    *,
    sealed: bool,
    goals: Path = GOALS,
) -> Chosen:
    """What the command line asks for.

    Args:
        collections: names with commas between them; None: the usual ones.

    Raises:
        BadUsage: an unknown name, options that do not go together, or cases or goals that cannot be read.
    """
    half: Half = "sealed" if sealed else "dev"
    try:
        bounds = read_goals(goals, list(SUITES))
    except BadGoals as fault:
        raise BadUsage(str(fault)) from None
    if (kb is None) != (cases is None):
        raise BadUsage("--kb and --cases go together")
    if kb is not None and cases is not None:
        if collections is not None or sealed:
            raise BadUsage("--kb takes the place of --collections and --sealed")
        _check_known("suite", suites, ON_A_USERS_OWN)
        try:
            return Chosen(suites or ON_A_USERS_OWN, [users_collection(kb, cases)], [], half, bounds)
        except BadCases as fault:
            raise BadUsage(str(fault)) from None
    names = DEFAULT_COLLECTIONS if collections is None else [name.strip() for name in collections.split(",")]
    _check_known("suite", suites, list(SUITES))
    _check_known("collection", names, COLLECTIONS)
    found, skipped = named_collections(names, half)
    return Chosen(suites or list(SUITES), found, skipped, half, bounds)


def evaluate(chosen: Chosen, root: Path, step: Step, say: Say) -> dict[str, Any]:
    """Runs what was chosen; the document of the run. Ingested collections are kept under `root`."""
    for name in chosen.skipped:
        say(f"{name}: skipped: no data")
    run = Run(chosen.half, chosen.collections, root, step, say)
    results = run_suites(chosen.suites, run)
    return as_document(results, run, chosen.skipped, held_against(results, chosen.goals))


def compare_files(old: Path, new: Path) -> tuple[dict[str, Any], str]:
    """The comparison as a document and as lines for a terminal. Raises BadUsage."""
    try:
        differences = list(compare(read_results(old), read_results(new)))
    except NotResults as fault:
        raise BadUsage(str(fault)) from None
    document = {"old": str(old), "new": str(new), "differences": [each.as_json() for each in differences]}
    return document, as_table(differences) if differences else "The runs have no figure in common."


def as_lines(document: dict[str, Any]) -> list[str]:
    """The figures for a terminal."""
    lines = [f"The {document['half']} half of our cases."] if document["half"] else []
    for name, result in document["suites"].items():
        lines.append(name)
        lines += [f"  {figure:36} {value:8.3f}".rstrip("0").rstrip(".") for figure, value in result["figures"].items()]
    return lines


def _check_known(kind: str, names: Sequence[str], known: Sequence[str]) -> None:
    if unknown := sorted(set(names) - set(known)):
        raise BadUsage(f"unknown {kind} {', '.join(map(repr, unknown))}; there are {', '.join(known)}")


__all__ = ["GOALS", "BadUsage", "as_lines", "choose", "compare_files", "evaluate", "told", "write_report"]
