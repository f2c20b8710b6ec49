"""Run by Alembic: `migrate()` gives the connection; `alembic` on the command line is for writing revisions only."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import JSON, Connection

from memory.database import open_engine
from memory.tables import Table
from memory.tables.base import Id, UtcDateTime
from settings import Settings


def render_type(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our own types into a revision by their names, which its template imports."""
    if kind == "type" and isinstance(item, (Id, UtcDateTime)):
        return f"{type(item).__name__}()"
    return "JSON_DOCUMENT" if kind == "type" and isinstance(item, JSON) else False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=Table.metadata, render_as_batch=True, render_item=render_type
    )
    context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with open_engine(Settings().url).connect() as own, own.begin():
        run(own)
