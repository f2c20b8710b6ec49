"""The schema's history, and `migrate()`, which brings a database to its head."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

HERE = Path(__file__).parent
MIGRATION_LOCK = 0x0C1A2A
"""PostgreSQL advisory lock: processes that start together migrate one after the other."""


def head_revision() -> str:
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError("no migrations found")
    return head


def current_revision(connection: Connection) -> str | None:
    """The database's revision; None when it was never migrated."""
    return MigrationContext.configure(connection).get_current_revision()


def migrate(engine: Engine, revision: str = "head") -> bool:
    """Bring the database to `revision`; returns whether anything changed.

    On SQLite a table is altered by rebuilding it, which with foreign keys on would cascade into its children;
    they are off meanwhile, and every reference is checked before the commit.
    """
    with _exclusive(engine) as connection:
        before = current_revision(connection)
        if before == (head_revision() if revision == "head" else revision):
            return False
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
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


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    return config
