"""What routes ask for: a session that commits before the answer, and who is asking."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Request
from fastapi.concurrency import contextmanager_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session

from errors import NotFound, NotSignedIn
from memory.database import reading, transaction
from settings import Settings
from tools.permissions import Actor, ActorKind, Permission
from tools.users import access_of

staff_bearer = HTTPBearer(scheme_name="staff", auto_error=False, description="`access_token` of signing in.")
conversation_bearer = HTTPBearer(
    scheme_name="conversation", auto_error=False, description="`token` of the conversation; opens that one only."
)


MOST_SESSIONS = 16
"""Requests that hold a session at once; the others wait for their turn without holding a thread or a connection.

FastAPI hands a request from thread to thread while its session is open (the route, then the answer's validation). Were
there as many sessions as threads, all threads could wait for a lock or a connection that belongs to a request which
itself waits for a thread.
"""


def session_slots(settings: Settings) -> asyncio.Semaphore:
    """Half of the connections at most: the rest serve what needs one for a moment only."""
    return asyncio.Semaphore(max(1, min(MOST_SESSIONS, settings.database_pool_size // 2)))


async def open_session(request: Request) -> AsyncIterator[Session]:
    """Commits when the route returns; whoever waits for a change is told to look then."""
    state = request.app.state
    async with state.session_slots, contextmanager_in_threadpool(transaction(state.sessions)) as session:
        yield session
    state.poke()


async def open_read_session(request: Request) -> AsyncIterator[Session]:
    state = request.app.state
    async with state.session_slots, contextmanager_in_threadpool(reading(state.sessions)) as session:
        yield session


# `scope="function"`: FastAPI would else commit after the answer, and a failing commit would still say 200
SessionDep = Annotated[Session, Depends(open_session, scope="function")]
ReadDep = Annotated[Session, Depends(open_read_session, scope="function")]


def staff_actor(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(staff_bearer)]
) -> Actor:
    """The signed-in member of staff, with what the role allows now.

    Raises:
        NotSignedIn: no token, a wrong or expired one, or one from before the user was disabled or changed.
    """
    if given is None:
        raise NotSignedIn("Sign in first.")
    state = request.app.state
    claims = state.tokens.read_staff(given.credentials)
    with reading(state.sessions) as session:
        access = access_of(session, state.roles, claims.user_id)
    if access is None or not access.is_active or access.token_version != claims.token_version:
        raise NotSignedIn("This sign-in has ended; sign in again.")
    return Actor(ActorKind.STAFF, id=claims.user_id, permissions=access.permissions)


def conversation_actor(
    conversation_id: UUID,
    request: Request,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(conversation_bearer)],
) -> Actor:
    """The customer of the conversation in the path.

    Raises:
        NotSignedIn: no token or a wrong one.
        NotFound: the token opens another conversation.
    """
    if given is None:
        raise NotSignedIn("This needs the conversation's token.")
    if request.app.state.tokens.read_conversation(given.credentials) != conversation_id:
        raise NotFound("No such conversation.")
    return Actor(ActorKind.CUSTOMER, conversation_id=conversation_id)


ActorDep = Annotated[Actor, Depends(staff_actor)]
CustomerDep = Annotated[Actor, Depends(conversation_actor)]


def access(needs: Permission | Literal["public", "conversation", "staff"]) -> dict[str, Any]:
    """For a route's `openapi_extra`: who may use it, as data. A route that does not say so fails a test.

    The operation checks the permission itself; this only says so.
    """
    return {"x-access": str(needs)}
