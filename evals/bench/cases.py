"""The benchmarks: what is measured, how often, and which ratio is good enough."""

import json
import os
import platform
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from evals.bench import sides
from evals.bench.figures import Comparison
from evals.bench.material import OPENING, questions, transcripts
from evals.bench.sides import ARTICLES, TICKETS, Launcher, Running

Say = Callable[[str], None]
Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class Length:
    """Turns in conversations that are `messages` long."""

    messages: int
    timed: int
    counted: int
    goal: float


LENGTHS = (Length(20, timed=60, counted=5, goal=0.40), Length(1_000, timed=30, counted=5, goal=0.25))
WARM_UPS = 3
"""Turns of each side before the first measured one."""
HANDED_OVER = "escalated"
"""Such turns are not compared: they also open a ticket, route it and tell people, which the naive way does not."""
STARTS = 7
COLD_START_GOAL = 0.30
MISSING = "The naive way needs {packages}. `make bench` installs them into .venv-bench, beside Clara's own packages."


@dataclass(slots=True)
class Result:
    case: str
    comparisons: list[Comparison]
    notes: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"case": self.case, "measures": [each.as_json() for each in self.comparisons], **self.notes}


def turn(clara: Launcher, naive: Launcher, say: Say) -> Result:
    """A turn's wall time in short and long conversations, and what it writes."""
    asked = questions(TICKETS)
    earlier = transcripts(asked, ARTICLES)
    fresh = iter(asked)
    comparisons: list[Comparison] = []
    outcomes: Counter[str] = Counter()
    with clara.running() as ours, naive.running() as theirs:
        for _ in range(WARM_UPS):
            pair(ours, theirs, next(earlier)[: LENGTHS[0].messages - 2], next(fresh), Running.turn)
        for length in LENGTHS:
            say(f"turn: {length.timed} turns of each side at {length.messages:,} messages")
            comparisons += at_length(length, ours, theirs, earlier, fresh, outcomes)
    return Result("turn", comparisons, {"clara_outcomes": dict(outcomes)})


def at_length(
    length: Length,
    ours: Running,
    theirs: Running,
    earlier: Iterator[list[str]],
    fresh: Iterator[str],
    outcomes: Counter[str],
) -> list[Comparison]:
    """Each turn in a conversation of its own, so that all are of the same length; both sides get the same texts."""
    turns = []
    for i, text in enumerate(islice(fresh, length.timed)):
        messages = next(earlier)[: length.messages - 2]
        turns.append(pair(ours, theirs, messages, text, Running.turn, is_swapped=i % 2 == 1))
    costs = [
        pair(ours, theirs, next(earlier)[: length.messages - 2], text, Running.count)
        for text in islice(fresh, length.counted)
    ]
    outcomes.update(mine["answer"] for mine, _ in turns)
    turns = [both for both in turns if both[0]["answer"] != HANDED_OVER]
    at = f"at {length.messages:,} messages"
    return [
        Comparison(f"turn {at}", "s", *columns(turns, "wall"), goal=length.goal),
        Comparison(f"processor time of a turn {at}", "s", *columns(turns, "processor")),
        Comparison(f"commits of a turn {at}", "commits", *columns(costs, "commits")),
        Comparison(f"log written by a turn {at}", "bytes", *columns(costs, "wal_bytes")),
        Comparison(f"rows grown by a turn {at}", "bytes", *columns(costs, "row_bytes")),
    ]


def pair(
    ours: Running,
    theirs: Running,
    messages: list[str],
    text: str,
    work: Callable[[Running, str, str], Done],
    *,
    is_swapped: bool = False,
) -> tuple[Done, Done]:
    """The same work on both sides, right after each other; first Clara, or with `is_swapped` the other."""
    at = {side: side.prefill(messages, OPENING) for side in (ours, theirs)}
    order = (theirs, ours) if is_swapped else (ours, theirs)
    done = {side: work(side, at[side], text) for side in order}
    return done[ours], done[theirs]


def cold_start(clara: Launcher, naive: Launcher, say: Say) -> Result:
    """From the start of a process on prepared files to its first answer, and the memory that took."""
    asked = questions(TICKETS)
    for side in (clara, naive):
        side.ask(OPENING)  # compiles modules and fills the file cache
    say(f"cold_start: {STARTS} starts of each side")
    starts = []
    for i, text in enumerate(asked[:STARTS]):
        order = (naive, clara) if i % 2 else (clara, naive)
        done = {side.name: asdict(side.ask(text)) for side in order}
        starts.append((done[clara.name], done[naive.name]))
    comparisons = [
        Comparison("start to first answer", "s", *columns(starts, "wall"), goal=COLD_START_GOAL),
        Comparison("processor time of a start", "s", *columns(starts, "processor")),
        Comparison("peak memory of a start", "bytes", *columns(starts, "peak_bytes")),
    ]
    return Result("cold_start", comparisons)


CASES = {"turn": turn, "cold_start": cold_start}


def columns(pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]], key: str) -> tuple[list[float], list[float]]:
    """Each side's values under `key`."""
    return [mine[key] for mine, _ in pairs], [other[key] for _, other in pairs]


def bench(names: Sequence[str], say: Say, *, as_json: bool) -> int:
    """Run the named cases, print what they came to on standard output, and return the command's exit status."""
    document = run_cases(names, say)
    print(json.dumps(document, ensure_ascii=False) if as_json else "\n".join(lines(document)), flush=True)
    return 0 if document["passed"] else 1


def run_cases(names: Sequence[str], say: Say) -> dict[str, Any]:
    """Measure the named cases on fresh installations in a temporary folder.

    Returns `passed`, `machine`, `missing` (packages the naive way lacks; then nothing is measured) and `cases`.

    Raises:
        Unavailable: a side could not be prepared or did not answer.
    """
    python = sides.naive_python()
    if missing := sides.missing_packages(python):
        say(MISSING.format(packages=", ".join(missing)))
        return report([], missing=missing)
    with tempfile.TemporaryDirectory(prefix="clara-bench-") as folder:
        return report(
            measure(names, sides.clara(Path(folder) / "clara"), sides.naive(Path(folder) / "naive", python), say)
        )


def measure(names: Sequence[str], clara: Launcher, naive: Launcher, say: Say) -> list[Result]:
    """Prepare both sides and run the named cases on them."""
    for side in (clara, naive):
        say(f"Preparing: {side.name}")
        side.prepare()
    return [CASES[name](clara, naive, say) for name in names]


def report(results: Sequence[Result], *, missing: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "passed": not missing and all(each.passed for result in results for each in result.comparisons),
        "machine": machine(),
        "missing": list(missing),
        "cases": [result.as_json() for result in results],
    }


def machine() -> dict[str, Any]:
    return {"cores": os.cpu_count(), "system": platform.system(), "python": sys.version.split()[0]}


def lines(document: dict[str, Any]) -> Iterator[str]:
    """The report as a table for people."""
    for case in document["cases"]:
        yield f"{case['case']:48} {'Clara':>12} {'naive':>12}  ratio (95 % interval)"
        for each in case["measures"]:
            ours, theirs = (shown(each[side]["median"], each["unit"]) for side in ("clara", "naive"))
            low, high = each["interval"]
            goal = "" if each["goal"] is None else f"  goal {each['goal']:.2f} {'ok' if each['passed'] else 'MISSED'}"
            yield f"  {each['name']:46} {ours:>12} {theirs:>12}  {each['ratio']:.3f} ({low:.3f}-{high:.3f}){goal}"


def shown(value: float, unit: str) -> str:
    if unit == "s":
        return f"{value * 1000:,.1f} ms"
    return f"{value:,.0f}" if unit == "commits" else f"{value / 1000:,.1f} kB"
