"""Question and answer files: CSV with a header, JSON Lines, or a JSON list of objects."""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from io import StringIO

from memory.knowledge.documents.markdown import lines_of, scalar, tags_of
from memory.knowledge.documents.model import Content, Refused

QUESTION = ("question", "q", "title")
ANSWER = ("answer", "a", "text", "body", "content")
SLUG = ("slug", "id", "doc_id", "_id")
CATEGORY, TAGS = "category", "tags"
MORE_QUESTIONS = ("questions", "rephrasings", "alternatives", "variants")
MAX_ENTRIES = 200_000
"""Of one file."""
LIST_NAMES = ("faq", "faqs", "articles", "documents", "entries", "items", "data", "questions")
"""Under one of these a JSON object may hold its list."""

Entries = Iterator[Content | Refused | None]


def read_csv(text: str) -> Entries:
    """Raises Refused when the header names no question or no answer."""
    header_line = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=header_line.count)
    rows = csv.reader(StringIO(text.lstrip(), newline=""), delimiter=delimiter)
    try:
        header = [name.strip().casefold() for name in next(rows, [])]
    except csv.Error as error:
        raise Refused(f"The first row cannot be read: {error}.") from error
    if not set(ANSWER) & set(header):
        raise Refused(f"The first row names no column {' or '.join(ANSWER)}.")
    for count in range(MAX_ENTRIES + 1):
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Refused(f"The row that ends in line {rows.line_num} cannot be read: {error}.")
            continue
        if count == MAX_ENTRIES:
            yield _too_many()
        elif not any(cell.strip() for cell in row):
            yield None
        else:
            yield _entry(dict(zip(header, row, strict=False)))


def read_jsonl(text: str) -> Entries:
    count = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        if count == MAX_ENTRIES:
            yield _too_many()
            return
        count += 1
        try:
            yield _entry(json.loads(line))
        except json.JSONDecodeError as error:
            yield Refused(f"Line {number} is not valid JSON: {error.msg} (column {error.colno}).")
        except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists without end
            yield Refused(f"Line {number} is not JSON that can be read.")


def read_json(text: str) -> Entries:
    """Raises Refused for anything but a list."""
    try:
        loaded = json.loads(text)
    except json.JSONDecodeError as error:
        raise Refused(f"The file is not valid JSON: {error.msg} (line {error.lineno}).") from error
    except (ValueError, RecursionError) as error:
        raise Refused("The file is not JSON that can be read.") from error
    if isinstance(loaded, dict):
        loaded = next((loaded[name] for name in LIST_NAMES if isinstance(loaded.get(name), list)), loaded)
    if not isinstance(loaded, list):
        raise Refused("A JSON file must hold a list of questions and answers.")
    yield from (_entry(value) for value in loaded[:MAX_ENTRIES])
    if len(loaded) > MAX_ENTRIES:
        yield _too_many()


def _entry(value: object) -> Content | Refused:
    if not isinstance(value, Mapping):
        return Refused("The entry is no object with a question and an answer.")
    fields = {str(name).strip().casefold(): content for name, content in value.items() if name is not None}
    question, answer = _first(fields, QUESTION), _first(fields, ANSWER)
    if not answer:
        return Refused(f"The entry has no answer (a field {', '.join(ANSWER)}).")
    slug = _first(fields, SLUG) or ""
    readable = re.search(r"[a-zA-Z]{3}", slug) is not None  # 1047 or 9f3c-11 makes no address that people know again
    others = next((fields[name] for name in MORE_QUESTIONS if fields.get(name)), None)
    return Content(
        answer, question, slug if readable else None, scalar(fields.get(CATEGORY)), tags_of(fields.get(TAGS)),
        lines_of(others),
    )  # fmt: skip


def _first(fields: Mapping[str, object], names: tuple[str, ...]) -> str | None:
    return next((text for name in names if (text := scalar(fields.get(name)))), None)


def _too_many() -> Refused:
    return Refused(f"The file has more than {MAX_ENTRIES:,} entries; this one and those after it were left out.")
