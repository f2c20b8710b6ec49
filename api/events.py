"""Live changes for staff, as server-sent events."""

import asyncio
from collections.abc import AsyncGenerator
from time import monotonic

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials

from api.deps import ActorDep, access, staff_actor, staff_bearer
from api.streams import OPENED, event_stream, sse
from errors import NotSignedIn
from tools.permissions import Permission, require

router = APIRouter(prefix="/api/events", tags=["live"])

CHECKED_SECONDS = 1.0
"""How long a stream may go on after its user was disabled or lost the permission."""


@router.get("", response_class=StreamingResponse, openapi_extra=access(Permission.TICKETS_VIEW))
async def stream_events(request: Request, actor: ActorDep) -> StreamingResponse:
    """A `change` event says where to look: `{id, kind, ticket_id, conversation_id}`; `reload` that some were missed.

    The stream ends when the sign-in does: connect again with a fresh token.
    """
    require(actor, Permission.TICKETS_VIEW)
    return event_stream(request, _changes(request, await staff_bearer(request)))


async def _changes(request: Request, given: HTTPAuthorizationCredentials | None) -> AsyncGenerator[bytes]:
    checked_at = monotonic()
    async with request.app.state.hub.subscribe() as changes:
        yield OPENED
        async for change in changes:
            if monotonic() - checked_at > CHECKED_SECONDS:
                if not await asyncio.to_thread(_may_watch, request, given):
                    return
                checked_at = monotonic()
            if changes.lagged:
                changes.lagged = False
                yield sse("reload", {})
            yield sse(
                "change",
                {
                    "id": change.id,
                    "kind": change.kind,
                    "ticket_id": str(change.ticket_id) if change.ticket_id else None,
                    "conversation_id": str(change.conversation_id) if change.conversation_id else None,
                },
            )


def _may_watch(request: Request, given: HTTPAuthorizationCredentials | None) -> bool:
    try:
        return staff_actor(request, given).may(Permission.TICKETS_VIEW)
    except NotSignedIn:
        return False
