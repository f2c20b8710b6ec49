"""Cases that people wrote without seeing the articles' texts, and their two halves: one to tune on, one to report.

The half is decided by a hash of the case's id, so nobody chose it: half of the ids are `sealed`, never tuned on.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

FOLDER = Path(__file__).parent / "cases"
PUBLIC_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Public data sets, where they have been laid beside the checkout; they are no part of the project."""

Half = Literal["dev", "sealed"]


@dataclass(frozen=True, slots=True)
class Question:
    id: str
    text: str
    answerable: bool
    articles: frozenset[str]
    """Slugs of the articles any of which answers rightly."""
    contains: tuple[str, ...] = ()
    """What a right answer must show, verbatim but for upper and lower case."""
    kind: str = ""
    """Of one that cannot be answered: `near_miss`, `ours_unknown` or `off_topic`."""
    group: str = ""
    """Questions about the same thing share one, so that no fold of a fit sees another side of it; "" means its own."""


@dataclass(frozen=True, slots=True)
class Said:
    """One customer message of a scripted conversation, and what should come of it."""

    text: str
    expects: str
    """`answer`, `smalltalk`, `person`, `refuse` or `clarify_or_person`."""
    articles: frozenset[str]
    contains: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Script:
    id: str
    turns: tuple[Said, ...]


def half_of(case_id: str) -> Half:
    return "sealed" if hashlib.sha256(case_id.encode()).digest()[0] % 2 else "dev"


def read_questions(half: Half) -> list[Question]:
    return [
        Question(
            row["id"], row["text"], row["answerable"], frozenset(row.get("articles", ())),
            tuple(row.get("contains", ())), row.get("kind", ""),
        )
        for row in _rows(FOLDER / "questions.jsonl", half)
    ]  # fmt: skip


def read_scripts(half: Half) -> list[Script]:
    return [
        Script(
            row["id"],
            tuple(
                Said(
                    turn["text"], turn["expects"], frozenset(turn.get("articles", ())), tuple(turn.get("contains", ()))
                )
                for turn in row["turns"]
            ),
        )
        for row in _rows(FOLDER / "conversations.jsonl", half)
    ]


def _rows(file: Path, half: Half) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if half_of(row["id"]) == half:
                yield row
