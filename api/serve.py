"""Runs the server, or the background worker alone, until it is told to stop."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from api.app import create_app
from api.background import open_worker
from api.logs import configure_logging
from errors import Unavailable
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
    """Serve until SIGTERM or SIGINT, on a home that is prepared first.

    Raises:
        Unavailable: the address is in use or not this machine's.
    """
    listener = bind(host, port)
    prepare(settings, say)
    has_worker = with_worker and settings.is_sqlite
    common: dict[str, Any] = {
        "log_config": None, "access_log": False, "timeout_graceful_shutdown": GRACEFUL_SHUTDOWN_SECONDS
    }  # fmt: skip
    announcement = f"Clara is at {address_of(listener)}"
    if workers == 1:
        config = uvicorn.Config(create_app(settings, with_worker=has_worker), **common)
        for number in (signal.SIGTERM, signal.SIGINT):  # the server raises them again once it has ended in good order
            signal.signal(number, lambda *_: None)
        AnnouncedServer(config, lambda: say(announcement)).run([listener])
        return
    os.environ["CLARA_HOME"] = str(settings.home)
    os.environ[WITH_WORKER] = "1" if has_worker else ""
    config = uvicorn.Config("api.serve:app_of_environment", factory=True, workers=workers, **common)
    say(announcement)
    Multiprocess(config, [listener]).run()


class AnnouncedServer(uvicorn.Server):
    """Says that it is there when it answers, and not before."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()


def bind(host: str, port: int) -> socket.socket:
    """Takes the address, so that a mistake shows at once; nobody can connect before the server listens."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as fault:
        listener.close()
        raise Unavailable(f"Cannot listen on {host}:{port}: {fault.strerror or fault}. Try another --port.") from None
    listener.set_inheritable(True)  # for the processes of `--workers`
    return listener


def address_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def app_of_environment() -> object:
    """What each process of `--workers` serves."""
    settings = Settings()
    configure_logging(settings)
    return create_app(settings, with_worker=bool(os.environ.get(WITH_WORKER)))


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
