"""Runs the server, or the background worker alone, until it is told to stop."""

import asyncio
import os
import signal
from collections.abc import Callable

import uvicorn

from api.app import create_app
from api.background import open_worker
from api.logs import configure_logging
from graph.home import prepare_knowledge, prepare_schema
from graph.means import open_knowledge
from memory.database import Sessions, transaction
from settings import Settings
from tools.users import first_admin

GRACEFUL_SHUTDOWN_SECONDS = 8
"""How long requests may take to end after SIGTERM; streams end at once."""
WITH_WORKER = "CLARA_SERVE_WITH_WORKER"
"""Tells the processes of `--workers` whether they do background work; each reads its settings from the environment."""

Say = Callable[[str], None]


def run(settings: Settings, *, host: str, port: int, workers: int, with_worker: bool, say: Say) -> None:
    """Serve until SIGTERM or SIGINT, on a prepared home."""
    prepare(settings, say)
    has_worker = with_worker and settings.is_sqlite
    say(f"Clara is at http://{host}:{port}")
    common = {"log_config": None, "access_log": False, "timeout_graceful_shutdown": GRACEFUL_SHUTDOWN_SECONDS}
    if workers == 1:
        uvicorn.run(create_app(settings, with_worker=has_worker), host=host, port=port, **common)  # type: ignore[arg-type]
        return
    os.environ["CLARA_HOME"] = str(settings.home)
    os.environ[WITH_WORKER] = "1" if has_worker else ""
    uvicorn.run("api.serve:app_of_environment", factory=True, host=host, port=port, workers=workers, **common)  # type: ignore[arg-type]


def app_of_environment() -> object:
    """What each process of `--workers` serves."""
    return create_app(Settings(), with_worker=bool(os.environ.get(WITH_WORKER)))


def prepare(settings: Settings, say: Say) -> None:
    """Everything a first start needs: schema, foundations, help centre, index, classifier, an admin."""
    configure_logging(settings)
    sessions = prepare_schema(settings, say)
    prepare_knowledge(settings, sessions, open_knowledge(settings), say)
    _introduce_admin(settings, sessions, say)
    sessions.engine.dispose()


def _introduce_admin(settings: Settings, sessions: Sessions, say: Say) -> None:
    with transaction(sessions) as session:
        introduction = first_admin(session, settings)
    if introduction is not None:
        say(introduction)


def run_worker(settings: Settings, *, say: Say) -> None:
    """Do background work until SIGTERM or SIGINT."""
    prepare(settings, say)
    say("Clara's worker is running.")
    asyncio.run(_work(settings))


async def _work(settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with open_worker(settings):
        await stopping.wait()
