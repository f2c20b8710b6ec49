"""Where everything is assembled."""

import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from importlib.metadata import version
from types import FrameType

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from api import auth, chat, docs, escalations, events, health, help_pages, tickets
from api.background import make_worker
from api.deps import session_slots
from api.fields import refuse_odd_values
from api.hashing import HashingPool
from api.health import Metrics, database_check, index_check
from api.limits import RateLimits
from api.middleware import shell
from api.problems import HANDLERS, PROBLEM_RESPONSES
from api.tokens import Tokens
from api.web import web_router
from graph.run import open_support
from memory.database import open_sessions
from memory.events import EventHub
from settings import WEB_DIST, Settings
from tools.permissions import RoleTable

ROUTERS = (health, docs, auth, chat, tickets, escalations, events, help_pages)


def create_app(settings: Settings, *, with_worker: bool = False) -> FastAPI:
    """The application; it opens files and connections when it is started, not when it is made.

    Args:
        with_worker: also do the background work in this process.
    """
    metrics = Metrics()
    app = FastAPI(
        title="Clara",
        version=version("clara"),
        docs_url=None,  # ours is in api.docs
        redoc_url=None,
        lifespan=run,
        middleware=shell(settings, metrics),
        exception_handlers=HANDLERS,
        dependencies=[Depends(refuse_odd_values)],
        responses=PROBLEM_RESPONSES,
        generate_unique_id_function=operation_id,
    )
    app.state.settings = settings
    app.state.with_worker = with_worker
    app.state.metrics = metrics
    for module in ROUTERS:
        app.include_router(module.router)
    app.include_router(web_router(WEB_DIST))  # the last: it takes what is left
    return app


@asynccontextmanager
async def run(app: FastAPI) -> AsyncIterator[None]:
    """Opens what the routes find on `app.state`, and closes it again, the last first."""
    state = app.state
    settings: Settings = state.settings
    async with AsyncExitStack() as stack:
        sessions = open_sessions(settings)
        stack.callback(sessions.engine.dispose)
        state.sessions = sessions
        state.session_slots = session_slots(settings)
        state.roles = RoleTable()
        state.limits = RateLimits(settings)
        state.tokens = Tokens(settings)
        state.hashing = HashingPool()
        stack.callback(state.hashing.close)
        state.hub = EventHub(sessions)
        pokes: list[Callable[[], None]] = [state.hub.poke]
        state.poke = lambda: [poke() for poke in pokes]
        state.support = await stack.enter_async_context(open_support(settings, sessions, state.poke))
        state.readiness = {
            "database": database_check(sessions),
            "index": index_check(state.support.means.knowledge),
        }
        if state.with_worker:
            worker = make_worker(settings, sessions, state.support)
            pokes.append(worker.poke)
            worker.start()
            stack.push_async_callback(worker.stop)
        stack.enter_context(ending_streams(state.hub))
        yield


@contextmanager
def ending_streams(hub: EventHub) -> Iterator[None]:
    """End the open streams as soon as the process is told to stop: the server waits for them before it stops."""
    if threading.current_thread() is threading.main_thread():  # the only one that gets signals
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _after(hub.close, signal.getsignal(number)))
    try:
        yield
    finally:
        hub.close()


def _after(first: Callable[[], None], then: object) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        first()
        if callable(then):
            then(number, frame)

    return handle


def operation_id(route: APIRoute) -> str:
    """The route's function name, so that a generated client has `listTickets()`."""
    return route.name
