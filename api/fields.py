"""Values that JSON or a URL can say but no database keeps, refused for every route at once."""

import math
import re
from contextlib import suppress
from typing import Any

from starlette.requests import Request

from api.problems import FORM_TYPES
from errors import InvalidField

MAX_DEPTH = 32
"""Of nested objects and arrays: ours need four, and very deep ones exhaust the stack when they are written again."""
LARGEST_INTEGER = 2**63 - 1
"""Of a column on either database."""
SURROGATE = re.compile("[\ud800-\udfff]")
"""Reading JSON joins the pairs; one that is left stands alone and has no UTF-8 form."""


Path = tuple[str, ...]
"""Where in the request a value stands: names of fields and positions in arrays."""


async def refuse_odd_values(request: Request) -> None:
    """A dependency of the whole application, so that no route can forget it.

    Raises:
        InvalidField: a NUL character, a lone surrogate, an integer beyond 64 bits, NaN, or too deep a nesting.
    """
    for place, document in await _given(request):
        if found := first_fault(place, document):
            path, fault = found
            details = [{"field": ".".join(path) or "body", "message": fault}]
            raise InvalidField("Some fields are not valid.", details=details)


async def _given(request: Request) -> list[tuple[Path, Any]]:
    """All that the caller chose. FastAPI parses a body before any dependency runs and keeps it on the request."""
    named = [*request.path_params.items(), *request.query_params.multi_items()]
    document = None
    kind = request.headers.get("content-type", "").lower()
    if kind.startswith(FORM_TYPES):
        named += [(name, getattr(part, "filename", part)) for name, part in (await request.form()).multi_items()]
    elif "json" in kind:
        with suppress(ValueError, RecursionError):  # then the route takes no JSON: FastAPI had refused it otherwise
            document = await request.json()
    return [((), document), *(((name,), value) for name, value in named)]


def first_fault(place: Path, document: Any) -> tuple[Path, str] | None:
    """Where a parsed document holds something odd and what it is; walks without recursion, whatever the depth."""
    pending: list[tuple[Path, Any]] = [(place, document)]
    while pending:
        path, value = pending.pop()
        if fault := _fault(value):
            return path, fault
        if not isinstance(value, dict | list):
            continue
        if len(path) >= MAX_DEPTH:
            return path, "Is nested too deeply."
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            if fault := _fault(name):
                return path, f"A name inside: {fault}"  # the odd name itself is not repeated
            pending.append(((*path, str(name)), item))
    return None


def _fault(value: object) -> str | None:
    if isinstance(value, str):
        if "\0" in value:
            return "Must not contain a NUL character."
        if not value.isascii() and SURROGATE.search(value):
            return "Must be valid Unicode."
    elif isinstance(value, int) and not -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
        return "Must fit into 64 bits."
    elif isinstance(value, float) and not math.isfinite(value):
        return "Must be a finite number."
    return None
