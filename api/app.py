"""Where everything is assembled."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from api import docs, health
from api.fields import refuse_odd_values
from api.health import Metrics, database_check
from api.limits import RateLimits
from api.middleware import shell
from api.problems import HANDLERS, PROBLEM_RESPONSES
from api.web import web_router
from memory.database import open_sessions
from settings import WEB_DIST, Settings
from tools.permissions import RoleTable


def create_app(settings: Settings) -> FastAPI:
    """The application; it opens files and connections when it is started, not when it is made."""
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
    app.state.metrics = metrics
    for router in (health.router, docs.router, web_router(WEB_DIST)):  # the web's last: it takes what is left
        app.include_router(router)
    return app


@asynccontextmanager
async def run(app: FastAPI) -> AsyncIterator[None]:
    """Opens what the routes find on `app.state`, and closes it again."""
    settings: Settings = app.state.settings
    sessions = open_sessions(settings)
    app.state.sessions = sessions
    app.state.roles = RoleTable()
    app.state.limits = RateLimits(settings)
    app.state.readiness = {"database": database_check(sessions)}
    try:
        yield
    finally:
        sessions.engine.dispose()


def operation_id(route: APIRoute) -> str:
    """The route's function name, so that a generated client has `listTickets()`."""
    return route.name
