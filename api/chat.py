"""The customer's chat: a conversation that its token opens, messages answered as JSON or as a stream."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, Field

from agents.prompts import GREETING
from api.deps import CustomerDep, ReadDep, SessionDep, access
from api.limits import client_address
from api.paging import DEFAULT_LIMIT, LARGEST_LIMIT
from api.streams import OPENED, event_stream, sse
from api.tokens import Tokens
from errors import ClaraError, Malformed
from graph.run import Event, Step, Support, Token
from memory.conversations import newest_position, page
from memory.database import Sessions, reading
from memory.events import EventHub
from memory.idempotency import remember, replayed
from memory.tables import Channel, Message
from tools.conversations import COMMENT_CHARACTERS, begin_conversation, give_feedback

router = APIRouter(prefix="/api/chat/conversations", tags=["chat"])

CLIENT_ID_CHARACTERS = 128
NAME_CHARACTERS = 200


class CustomerIn(BaseModel):
    email: str | None = Field(default=None, max_length=320)
    name: str | None = Field(default=None, max_length=NAME_CHARACTERS)


class ConversationIn(BaseModel):
    customer: CustomerIn | None = None
    channel: Literal["chat", "api"] = "chat"


class ConversationOut(BaseModel):
    id: UUID
    token: str
    """Opens this conversation and nothing else; send it as Bearer."""
    greeting: str


class MessageIn(BaseModel):
    text: str
    client_id: str | None = Field(default=None, min_length=1, max_length=CLIENT_ID_CHARACTERS)
    """Your own name for the message: sending it again gives the same turn's answer."""


class CitationOut(BaseModel):
    n: int
    article_id: UUID
    title: str
    version: int
    quote: str
    url: str


class TicketBrief(BaseModel):
    id: UUID
    number: int
    status: str
    queue: str


class ReplyOut(BaseModel):
    conversation_id: UUID
    message_id: UUID
    turn_id: UUID
    text: str
    outcome: Literal[
        "answered", "suggested", "clarify", "acted", "smalltalk", "escalated", "waiting_for_human", "refused"
    ]
    confidence: float | None
    citations: list[CitationOut]
    classification: dict[str, Any] | None
    ticket: TicketBrief | None


class SaidOut(BaseModel):
    """What a bot message in the transcript has of its Reply."""

    outcome: str
    confidence: float | None
    citations: list[CitationOut]


class MessageOut(BaseModel):
    id: UUID
    author: Literal["customer", "bot", "staff", "system"]
    text: str
    created_at: datetime
    client_id: str | None
    reply: SaidOut | None


class MessagesOut(BaseModel):
    items: list[MessageOut]
    next_cursor: str | None


class FeedbackIn(BaseModel):
    message_id: UUID
    helpful: bool
    comment: str | None = Field(default=None, max_length=COMMENT_CHARACTERS)


class FeedbackOut(BaseModel):
    message_id: UUID
    helpful: bool
    comment: str | None


IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", max_length=255, min_length=1)]


@router.post("", status_code=201, openapi_extra=access("public"))
def start_conversation(
    body: ConversationIn, request: Request, session: SessionDep, idempotency_key: IdempotencyKey = None
) -> ConversationOut:
    """Begin a conversation; no account is needed."""
    state = request.app.state
    address = client_address(request, state.settings)
    scope = f"conversation:{hashlib.sha256(address.encode()).hexdigest()[:16]}"
    if idempotency_key is not None:
        first = replayed(session, scope, idempotency_key, body.model_dump(mode="json"))
        if first is not None:
            return _opened(UUID(first["id"]), state.tokens)
    state.limits.hit("conversation", address)
    customer = body.customer or CustomerIn()
    conversation = begin_conversation(session, channel=Channel(body.channel), email=customer.email, name=customer.name)
    if idempotency_key is not None:
        remember(session, scope, idempotency_key, {"id": str(conversation.id)})
    return _opened(conversation.id, state.tokens)


def _opened(conversation_id: UUID, tokens: Tokens) -> ConversationOut:
    return ConversationOut(id=conversation_id, token=tokens.for_conversation(conversation_id), greeting=GREETING)


@router.post(
    "/{conversation_id}/messages",
    response_model=ReplyOut,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    openapi_extra=access("conversation"),
)
async def send_message(
    conversation_id: UUID,
    body: MessageIn,
    request: Request,
    actor: CustomerDep,
    accept: Annotated[str, Header()] = "application/json",
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Say something. With `Accept: text/event-stream` the answer comes as `step`, `token` and `reply` events."""
    state = request.app.state
    message_key = body.client_id or idempotency_key
    state.limits.hit_message(str(conversation_id), message_key)
    support: Support = state.support
    events = support.say(actor, conversation_id, body.text, client_id=message_key)
    first = await anext(events)  # a refusal is an ordinary error, even of a stream
    if "text/event-stream" in accept:
        return StreamingResponse(_turn_events(first, events, request), media_type="text/event-stream")
    reply: Event = first
    async for event in events:
        reply = event
    assert isinstance(reply, dict)
    state.metrics.turns.labels(reply["outcome"]).inc()
    return JSONResponse(reply)


async def _turn_events(first: Event, events: AsyncIterator[Event], request: Request) -> AsyncIterator[bytes]:
    yield _as_sse(first)
    try:
        async for event in events:
            yield _as_sse(event)
            if isinstance(event, dict):
                request.app.state.metrics.turns.labels(event["outcome"]).inc()
    except ClaraError as fault:
        yield sse("error", {"code": fault.code, "message": fault.message})


def _as_sse(event: Event) -> bytes:
    match event:
        case Step(node):
            return sse("step", {"node": node})
        case Token(text):
            return sse("token", {"text": text})
        case reply:
            return sse("reply", reply)


@router.get("/{conversation_id}/messages", openapi_extra=access("conversation"))
def list_messages(
    conversation_id: UUID,
    _actor: CustomerDep,
    session: ReadDep,
    limit: Annotated[int, Query(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> MessagesOut:
    """The transcript, oldest first."""
    messages = page(session, conversation_id, after=_position(cursor), limit=limit + 1)
    shown = messages[:limit]
    return MessagesOut(
        items=[_shown(message) for message in shown],
        next_cursor=str(shown[-1].position) if len(messages) > limit else None,
    )


def _position(cursor: str | None) -> int:
    """Raises Malformed unless `cursor` is one that a page gave."""
    if cursor is None:
        return 0
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 9:
        raise Malformed("This is not a cursor of ours.")
    return int(cursor)


def _shown(message: Message) -> MessageOut:
    return MessageOut(
        id=message.id,
        author=message.author.value,
        text=message.text,
        created_at=message.created_at,
        client_id=message.client_id,
        reply=SaidOut(**message.reply) if message.reply else None,
    )


@router.get("/{conversation_id}/stream", response_class=StreamingResponse, openapi_extra=access("conversation"))
async def stream_conversation(conversation_id: UUID, request: Request, _actor: CustomerDep) -> StreamingResponse:
    """What is added from now on, by the bot or by staff: `message` events, and `end` when the server stops."""
    return event_stream(request, _additions(request.app.state.sessions, request.app.state.hub, conversation_id))


async def _additions(sessions: Sessions, hub: EventHub, conversation_id: UUID) -> AsyncGenerator[bytes]:
    async with hub.subscribe(conversation_id) as changes:
        seen = await asyncio.to_thread(_newest, sessions, conversation_id)
        yield OPENED
        async for _ in changes:
            for message in await asyncio.to_thread(_behind, sessions, conversation_id, seen):
                seen = message.position
                yield sse("message", _shown(message).model_dump(mode="json"))


def _newest(sessions: Sessions, conversation_id: UUID) -> int:
    with reading(sessions) as session:
        return newest_position(session, conversation_id)


def _behind(sessions: Sessions, conversation_id: UUID, position: int) -> list[Message]:
    with reading(sessions) as session:
        return page(session, conversation_id, after=position, limit=200)


@router.post("/{conversation_id}/feedback", openapi_extra=access("conversation"))
def send_feedback(conversation_id: UUID, body: FeedbackIn, session: SessionDep, actor: CustomerDep) -> FeedbackOut:
    """Whether an answer helped; a second word replaces the first."""
    feedback = give_feedback(session, actor, body.message_id, helpful=body.helpful, comment=body.comment)
    return FeedbackOut(message_id=feedback.message_id, helpful=feedback.helpful, comment=feedback.comment)
