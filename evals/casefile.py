"""Somebody's own cases: JSON Lines, one question a line.

`{"id", "question" or "text", "articles" or "sources" or "gold": […], "contains"?: […], "answerable"?: bool, "group"?}`.
An article is named by its source (the file's path below the folder that is ingested, with `#n` for an entry of a FAQ
file), by the same without extension, or by its slug; any of those named answers rightly. `contains` are values that a
right answer must show. Without `id` the line's number is the id; without `answerable` a question with articles is
answerable. Questions with the same `group` are about the same thing.
"""

import json
from pathlib import Path
from typing import Any

from evals.cases import Question

TEXT = ("question", "text")
GOLD = ("articles", "sources", "gold")
TOLD_AT_ONCE = 20
"""Bad lines that are listed; of more only the number is told."""


class BadCases(ValueError):
    """The file cannot be used; the message names lines and reasons."""


def read_case_file(file: Path) -> list[Question]:
    """The questions in their order.

    Raises:
        BadCases: the file is not UTF-8, has no question, or has lines that are none; all of them are told.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise BadCases(f"{file.name}: not UTF-8 text") from None
    questions: dict[str, Question] = {}
    faults = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            question = _question(number, line)
            if question.id in questions:
                raise BadCases(f"the id {question.id!r} was used before")
            questions[question.id] = question
        except BadCases as fault:
            faults.append(f"line {number}: {fault}")
    if faults:
        more = [f"and {len(faults) - TOLD_AT_ONCE} more"] if len(faults) > TOLD_AT_ONCE else []
        raise BadCases(f"{file.name}: " + "; ".join([*faults[:TOLD_AT_ONCE], *more]))
    if not questions:
        raise BadCases(f"{file.name}: no questions")
    return list(questions.values())


def _question(number: int, line: str) -> Question:
    try:
        row = json.loads(line)
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise BadCases("half of a surrogate pair, which is no text") from None
    except (ValueError, RecursionError) as fault:
        raise BadCases(f"not JSON ({fault})") from None
    if not isinstance(row, dict):
        raise BadCases("not a JSON object")
    text = next((row[name] for name in TEXT if row.get(name)), None)
    if not isinstance(text, str) or not text.strip():
        raise BadCases("no `question` (or `text`)")
    gold = frozenset(name for key in GOLD for name in _texts(row, key))
    answerable = row.get("answerable", bool(gold))
    if not isinstance(answerable, bool):
        raise BadCases("`answerable` is neither true nor false")
    if answerable and not gold:
        raise BadCases("answerable, but names no article in `articles`, `sources` or `gold`")
    if gold and not answerable:
        raise BadCases("not answerable, but names articles")
    name = row.get("id", number)
    if not isinstance(name, str | int) or isinstance(name, bool) or name == "":
        raise BadCases("`id` is neither a text nor a number")
    return Question(
        str(name), text, answerable, gold, tuple(_texts(row, "contains")), str(row.get("kind", "")),
        str(row.get("group", "")),
    )  # fmt: skip


def _texts(row: dict[str, Any], key: str) -> list[str]:
    """A text or a list of texts."""
    value = row.get(key)
    if value is None:
        return []
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) and text.strip() for text in texts):
        raise BadCases(f"`{key}` is no list of texts")
    return texts
