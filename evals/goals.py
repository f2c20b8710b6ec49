"""Holds figures against a file of goals: `[suite]` or `[suite.collection]`, each with `at_least` and `at_most`."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.suites import Result

GOALS = Path(__file__).with_name("goals.toml")
AT_LEAST, AT_MOST = "at_least", "at_most"


class BadGoals(ValueError):
    """The file cannot be used; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Bound:
    suite: str
    """With the collection when there is one, such as `retrieval.own`."""
    figure: str
    side: str
    """AT_LEAST or AT_MOST."""
    value: float


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound with what was measured."""

    suite: str
    figure: str
    value: float | None
    """None: the suite has no such figure, which is as good as missed."""
    wanted: str
    """Such as `at least 0.9`."""
    met: bool


def read_goals(file: Path, suites: Sequence[str]) -> list[Bound]:
    """Raises BadGoals for what is no TOML, and for sections and bounds that would never be looked at."""
    try:
        sections = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise BadGoals(f"{file.name}: {fault}") from None
    bounds: list[Bound] = []
    for suite, section in sections.items():
        if suite not in suites or not isinstance(section, dict):
            raise BadGoals(f"{file.name}: [{suite}] is no suite; there are {', '.join(suites)}")
        collections = {name: inner for name, inner in section.items() if name not in (AT_LEAST, AT_MOST)}
        bounds += _bounds(file, suite, {name: section[name] for name in section if name not in collections})
        for name, inner in collections.items():
            bounds += _bounds(file, f"{suite}.{name}", inner)
    return bounds


def _bounds(file: Path, suite: str, section: object) -> Iterator[Bound]:
    sides = section if isinstance(section, dict) else {"": section}
    for side, bounds in sides.items():
        if side not in (AT_LEAST, AT_MOST) or not isinstance(bounds, dict):
            raise BadGoals(f"{file.name}: [{suite}] may hold {AT_LEAST} and {AT_MOST} with figures, not {side!r}")
        for figure, value in bounds.items():
            if not isinstance(value, int | float):
                raise BadGoals(f"{file.name}: [{suite}] {side} {figure} is no number")
            yield Bound(suite, figure, side, value)


def held_against(results: Mapping[str, Result], bounds: Sequence[Bound]) -> list[Goal]:
    """Every bound of the suites and collections that ran."""
    found = []
    for bound in bounds:
        if bound.suite not in results:
            continue
        value = results[bound.suite].figures.get(bound.figure)
        met = value is not None and (value >= bound.value if bound.side == AT_LEAST else value <= bound.value)
        found.append(Goal(bound.suite, bound.figure, value, f"{bound.side.replace('_', ' ')} {bound.value}", met))
    return found


def told(missed: Mapping[str, Any]) -> str:
    """A missed goal of a run's document, in a line."""
    value = "no figure there is" if missed["value"] is None else f"{missed['value']:.3f}"
    return f"missed: {missed['suite']} {missed['figure']} is {value}, wanted {missed['wanted']}"
