"""Values that JSON or a URL can say but no database keeps, refused for every route at once."""

import math
import re
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


async def refuse_odd_values(request: Request) -> None:
    """A dependency of the whole application, so that no route can forget it.

    Raises:
        InvalidField: a NUL character, a lone surrogate, an integer beyond 64 bits, NaN, or too deep a nesting.
    """
    for place, document in (
        ("path", request.path_params),
        ("query", {name: request.query_params.getlist(name) for name in request.query_params}),
        ("body", await _body(request)),
    ):
        if found := first_fault(document):
            path, fault = found
            raise InvalidField(
                "Some fields are not valid.", details=[{"field": ".".join(path) or place, "message": fault}]
            )


async def _body(request: Request) -> Any:
    """The body as FastAPI, which parses it before any dependency runs, has kept it on the request."""
    kind = request.headers.get("content-type", "").lower()
    if kind.startswith(FORM_TYPES):
        form = await request.form()
        return {name: [getattr(part, "filename", part) for part in form.getlist(name)] for name in form}
    if "json" not in kind:
        return None
    try:
        return await request.json()
    except (ValueError, RecursionError):
        return None  # this route takes no JSON, else FastAPI had refused it already


def first_fault(document: Any) -> tuple[tuple[str, ...], str] | None:
    """Where a parsed document holds something odd and what it is; walks without recursion, whatever the depth."""
    pending: list[tuple[tuple[str, ...], Any]] = [((), document)]
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
