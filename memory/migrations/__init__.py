"""The schema's history, and `migrate()`, which brings a database to its head."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

HERE = Path(__file__).parent
MIGRATION_LOCK = 0x0C1A2A
"""PostgreSQL advisory lock: processes that start together migrate one after the other."""


def head_revision() -> str:
    """The newest revision. They are numbered, so that a start which has nothing to migrate need not load Alembic."""
    return max(file.name.partition("_")[0] for file in (HERE / "versions").glob("[0-9]*.py"))


def current_revision(connection: Connection) -> str | None:
    """The database's revision; None when it was never migrated."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def migrate(engine: Engine, revision: str = "head") -> bool:
    """Bring the database to `revision`; returns whether anything changed.

    On SQLite a table is altered by rebuilding it, which with foreign keys on would cascade into its children;
    they are off meanwhile, and every reference is checked before the commit.
    """
    with _exclusive(engine) as connection:
        before = current_revision(connection)
        if before == (head_revision() if revision == "head" else revision):
            return False
        _upgrade(connection, revision)
        if engine.dialect.name == "sqlite" and (broken := connection.execute(text("PRAGMA foreign_key_check")).all()):
            raise RuntimeError(f"the migration broke references: {broken[:5]}")
    return True


@contextmanager
def _exclusive(engine: Engine) -> Iterator[Connection]:
    """One connection in one transaction that no other migrating process shares."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA foreign_keys = OFF")  # has no effect inside a transaction
            try:
                with connection.begin():
                    yield connection
            finally:
                driver.execute("PRAGMA foreign_keys = ON")
        else:
            with connection.begin():
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
                yield connection


def _upgrade(connection: Connection, revision: str) -> None:
    from alembic import command  # noqa: PLC0415 - a third of a second, and seldom needed
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
