"""`/docs`: the operations as one page. Swagger UI would have to be loaded from another host."""

from collections import defaultdict
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.web import plain_page

router = APIRouter(include_in_schema=False)


@router.get("/docs")
def docs(request: Request) -> HTMLResponse:
    schema: dict[str, Any] = request.app.openapi()
    title = f"{escape(schema['info']['title'])} API {escape(schema['info']['version'])}"
    link = '<p>For programs, with every field: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>'
    return plain_page(title, f"<h1>{title}</h1>{link}{_sections(schema['paths'])}")


def _sections(paths: dict[str, dict[str, Any]]) -> str:
    """A table of operations for each tag."""
    rows: defaultdict[str, list[str]] = defaultdict(list)
    for path, operations in paths.items():
        for method, operation in operations.items():
            text = operation.get("description") or operation["summary"]
            rows[operation.get("tags", ["other"])[0]].append(
                f"<tr><td><code>{method.upper()}&nbsp;{escape(path)}</code><td>{escape(text)}"
            )
    return "".join(f"<h2>{escape(tag)}</h2><table>{''.join(lines)}</table>" for tag, lines in rows.items())
