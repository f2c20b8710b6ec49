"""Markdown files with optional YAML front matter."""

import re
from collections.abc import Mapping

import yaml

from memory.knowledge.documents.model import Content, Refused

FRONT_MATTER_CHARACTERS = 65_536
"""A longer one is text that begins with a rule."""
_FRONT_MATTER = re.compile(r"\s*---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)


def read_markdown(text: str) -> Content:
    """Raises Refused for front matter that is no YAML."""
    match = _FRONT_MATTER.match(text, 0, FRONT_MATTER_CHARACTERS)
    if match is None:
        return Content(text)
    fields = _fields(match[1], first_line=text.count("\n", 0, match.start(1)) + 1)
    if fields is None:
        return Content(text)
    return Content(
        text[match.end() :],
        title=scalar(fields.get("title")),
        slug=scalar(fields.get("slug")),
        category=scalar(fields.get("category")),
        tags=tags_of(fields.get("tags")),
        questions=lines_of(fields.get("questions")),
    )


def scalar(value: object) -> str | None:
    """A value as text; None for nothing, and for lists and mappings, which are no title or category."""
    if isinstance(value, bool) or value is None or isinstance(value, (list, dict, tuple, set, bytes)):
        return None
    try:
        return str(value).strip() or None
    except ValueError:  # an integer of thousands of digits
        return None


def tags_of(value: object) -> tuple[str, ...]:
    """A list, or text with commas or semicolons."""
    if isinstance(value, list):
        return tuple(tag for item in value if (tag := scalar(item)))
    return tuple(tag for part in re.split(r"[,;|]", scalar(value) or "") if (tag := part.strip()))


def lines_of(value: object) -> tuple[str, ...]:
    """A list, or text with a question a line."""
    lines = value if isinstance(value, list) else (scalar(value) or "").splitlines()
    return tuple(line for item in lines if (line := scalar(item)))


def _fields(front_matter: str, first_line: int) -> Mapping[str, object] | None:
    """None when it is no mapping: then the text only begins with a rule."""
    try:
        loaded = yaml.safe_load(front_matter)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = first_line + mark.line if mark else first_line
        reason = f"The front matter is not valid YAML (line {line}): {error.problem or 'it cannot be parsed'}."
        raise Refused(reason) from error
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:  # control characters, a 45th of May
        raise Refused(f"The front matter is not valid YAML (from line {first_line}).") from error
    if loaded is None:
        return {}
    return {str(name).strip().lower(): value for name, value in loaded.items()} if isinstance(loaded, dict) else None
