"""Is it running, is it ready, and what has it done: `/healthz`, `/readyz`, `/metrics`."""

from collections.abc import Callable
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from api.deps import access
from errors import Unavailable
from memory.database import Sessions, reading
from memory.knowledge.search import Knowledge
from memory.migrations import current_revision, head_revision

router = APIRouter(tags=["running"])

READY_RETRY_AFTER = 5
"""Seconds until a load balancer may ask again."""

Check = Callable[[], str | None]
"""None when all is well, else a reason that is safe to show to anyone."""


class Metrics:
    """What Prometheus collects, in a registry of its own: two applications in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "clara_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "clara_request_seconds",
            "From the request's head to the answer's last byte.",
            ["method", "route"],
            registry=self.registry,
        )
        self.open_streams = Gauge("clara_open_streams", "Event streams open now.", registry=self.registry)
        self.turns = Counter("clara_turns", "Customers' turns answered.", ["outcome"], registry=self.registry)


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    status: Literal["ready"] = "ready"
    checks: dict[str, Literal["ok"]]


@router.get("/healthz", openapi_extra=access("public"))
async def healthz() -> Health:
    """The process answers."""
    return Health()


@router.get("/readyz", openapi_extra=access("public"))
def readyz(request: Request) -> Readiness:
    """Everything that an answer needs is there; else 503 with a reason for each check that failed."""
    checks: dict[str, Check] = request.app.state.readiness
    reasons = {name: reason for name, check in checks.items() if (reason := check()) is not None}
    if reasons:
        raise Unavailable("Clara is not ready.", details=reasons, retry_after=READY_RETRY_AFTER)
    return Readiness(checks=dict.fromkeys(checks, "ok"))


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
    openapi_extra=access("public"),
)
def metrics(request: Request) -> Response:
    """Prometheus's text format. Routes are named by their templates: no ids, no persons."""
    state: Any = request.app.state
    return Response(generate_latest(state.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def database_check(sessions: Sessions) -> Check:
    """Reachable, and at the schema that this code was written for."""
    head = head_revision()

    def check() -> str | None:
        try:
            with reading(sessions) as session:
                revision = current_revision(session.connection())
        except SQLAlchemyError:  # its text may hold the host and the user
            return "The database cannot be reached."
        return None if revision == head else f"The schema is at {revision}, not at {head}: run `clara migrate`."

    return check


def index_check(knowledge: Knowledge) -> Check:
    """There is an index, and it can be read."""

    def check() -> str | None:
        try:
            _ = knowledge.revision
        except Unavailable as fault:
            return fault.message
        return None

    return check
