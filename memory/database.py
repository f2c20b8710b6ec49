"""The engine, and `transaction()`, the only place that commits."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session, sessionmaker

from settings import Settings

BUSY_TIMEOUT_MS = 30_000
"""How long a SQLite writer waits for another; all our writes are short."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Makes sessions that write (on SQLite: BEGIN IMMEDIATE) and sessions that only read.

    A SQLite read transaction that turns into a write fails at once whatever the timeout, hence the two.
    """

    write: sessionmaker[Session]
    read: sessionmaker[Session]

    @property
    def engine(self) -> Engine:
        engine = self.write.kw["bind"]
        if not isinstance(engine, Engine):
            raise TypeError("sessions are bound to an engine")
        return engine


@contextmanager
def transaction(sessions: Sessions) -> Iterator[Session]:
    """One unit of work: commits on return, rolls back on any exception."""
    with sessions.write.begin() as session:
        yield session


@contextmanager
def reading(sessions: Sessions) -> Iterator[Session]:
    """A consistent view that is never written through."""
    with sessions.read() as session:
        yield session


def take_turns(session: Session, about: str) -> None:
    """Let one transaction at a time, of all processes, go on from here; the others wait for its end.

    For what is looked for and added when it is missing. On SQLite a write session has waited already.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(about))))


def open_sessions(settings: Settings) -> Sessions:
    """Sessions on the configured database; makes the home for SQLite, connects lazily."""
    engine = open_engine(settings.url, pool_size=settings.database_pool_size)
    return Sessions(
        write=sessionmaker(engine.execution_options(clara_begin="IMMEDIATE"), expire_on_commit=False),
        read=sessionmaker(engine.execution_options(clara_begin="DEFERRED"), expire_on_commit=False),
    )


def open_engine(url: str, *, pool_size: int = 5) -> Engine:
    """An engine for `url`, with SQLite in WAL mode and under explicit BEGINs."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=pool_size, max_overflow=0, pool_pre_ping=True)
    if database := make_url(url).database:
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, pool_size=pool_size, max_overflow=0)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not open transactions of its own: see _begin_sqlite
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    mode = connection.get_execution_options().get("clara_begin", "IMMEDIATE")
    connection.exec_driver_sql(f"BEGIN {mode}")
