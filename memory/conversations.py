"""The transcript, and which turn runs when: append, the last K, a page; claim, renew, finish.

A turn's row decides what is left to do. Turns of a conversation run in the order of their messages, one at a time; a
turn whose owner has not renewed its lease is free for anybody to run again.
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from errors import Conflict, NotFound
from memory.tables import (
    Channel,
    Citation,
    Conversation,
    ConversationHolder,
    Message,
    MessageAuthor,
    Queue,
    Ticket,
    Turn,
    TurnStatus,
)
from memory.tables.base import utc_now

SHOWN_OF_CITATION = ("n", "article_id", "title", "version", "quote", "url")
"""What the Reply has of a citation."""


class TurnState(enum.Enum):
    DONE = enum.auto()
    FREE = enum.auto()
    WAITING = enum.auto()


@dataclass(frozen=True, slots=True)
class Line:
    """One message of the transcript, as the agents see it."""

    author: MessageAuthor
    text: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A customer's message as it was kept, and the turn that answers it."""

    conversation_id: UUID
    turn_id: UUID
    message_id: UUID
    text: str
    channel: Channel
    holder: ConversationHolder
    customer_id: UUID | None
    """Only once the e-mail address is confirmed."""
    ticket_id: UUID | None
    is_mine: bool
    """This process is to run the turn now; else an earlier turn comes first."""
    history: tuple[Line, ...]
    """The messages before this one, oldest first."""
    plan: list[Any] | None = None
    """Tool calls that an earlier run of the turn had decided on."""
    is_rerun: bool = False
    """An earlier run of the turn came to no end."""


def start_conversation(session: Session, *, channel: Channel, customer_id: UUID | None) -> Conversation:
    conversation = Conversation(channel=channel, customer_id=customer_id)
    session.add(conversation)
    session.flush()
    return conversation


Place = Row[int, Channel, ConversationHolder, UUID | None, datetime | None, UUID | None]
"""Position, channel, holder, customer, when verified, ticket."""


def next_place(session: Session, conversation_id: UUID) -> Place:
    """The position of the conversation's next message and its columns; its row stays locked until the commit.

    Raises NotFound.
    """
    place = session.execute(
        update(Conversation)
        .where(Conversation.id == conversation_id)
        .values(last_position=Conversation.last_position + 1, updated_at=utc_now())
        .returning(
            Conversation.last_position,
            Conversation.channel,
            Conversation.holder,
            Conversation.customer_id,
            Conversation.verified_at,
            Conversation.ticket_id,
        )
    ).one_or_none()
    if place is None:
        raise NotFound("No such conversation.")
    return place


def append(
    session: Session,
    conversation_id: UUID,
    author: MessageAuthor,
    text: str,
    *,
    position: int,
    client_id: str | None = None,
    author_id: UUID | None = None,
    reply: dict[str, Any] | None = None,
) -> UUID:
    """Add a message at the position that `next_place` gave; returns its id.

    Raises:
        sqlalchemy.exc.IntegrityError: the conversation has a message with this `client_id`.
    """
    message_id = uuid4()
    session.execute(
        insert(Message).values(
            id=message_id, conversation_id=conversation_id, position=position, author=author, author_id=author_id,
            text=text, client_id=client_id, reply=reply,
        )
    )  # fmt: skip
    return message_id


def accept(
    session: Session, conversation_id: UUID, text: str, *, client_id: str | None, owner: str, lease: float, history: int
) -> Accepted:
    """Keep a customer's message together with the turn that will answer it.

    Raises what `next_place` and `append` raise.
    """
    conversation = next_place(session, conversation_id)
    position = conversation.last_position
    message_id = append(session, conversation_id, MessageAuthor.CUSTOMER, text, position=position, client_id=client_id)
    lines = last_lines(session, conversation_id, before=position, limit=history)
    must_wait = session.scalar(
        select(Turn.id).where(Turn.conversation_id == conversation_id, Turn.status != TurnStatus.DONE).limit(1)
    )
    turn_id = uuid4()
    session.execute(
        insert(Turn).values(
            id=turn_id, conversation_id=conversation_id, position=position, message_id=message_id,
            status=TurnStatus.QUEUED if must_wait else TurnStatus.RUNNING,
            owner=None if must_wait else owner,
            lease_until=utc_now() + timedelta(seconds=lease),
            attempts=0 if must_wait else 1,
        )
    )  # fmt: skip
    return Accepted(
        conversation_id, turn_id, message_id, text, conversation.channel, conversation.holder,
        conversation.customer_id if conversation.verified_at else None, conversation.ticket_id,
        is_mine=must_wait is None, history=lines,
    )  # fmt: skip


def repeated(session: Session, conversation_id: UUID, client_id: str, text: str) -> UUID:
    """The turn of the message that was sent before under `client_id`. Raises Conflict when its text was another."""
    row = session.execute(
        select(Turn.id, Message.text)
        .join(Message, Message.id == Turn.message_id)
        .where(Message.conversation_id == conversation_id, Message.client_id == client_id)
    ).one_or_none()
    if row is None:
        raise NotFound("No such message.")
    if row.text != text:
        raise Conflict("Another message was sent under the same key.")
    turn_id: UUID = row.id
    return turn_id


def last_lines(session: Session, conversation_id: UUID, *, before: int, limit: int) -> tuple[Line, ...]:
    """The `limit` messages before position `before`, oldest first."""
    rows = session.execute(
        select(Message.author, Message.text)
        .where(Message.conversation_id == conversation_id, Message.position < before)
        .order_by(Message.position.desc())
        .limit(limit)
    ).all()
    return tuple(Line(author, text) for author, text in reversed(rows))


def page(session: Session, conversation_id: UUID, *, after: int, limit: int) -> list[Message]:
    """Messages behind position `after`, oldest first."""
    return list(
        session.scalars(
            select(Message)
            .where(Message.conversation_id == conversation_id, Message.position > after)
            .order_by(Message.position)
            .limit(limit)
        )
    )


def newest_position(session: Session, conversation_id: UUID) -> int:
    return session.scalar(select(Conversation.last_position).where(Conversation.id == conversation_id)) or 0


def claim(session: Session, turn_id: UUID, *, owner: str, lease: float, history: int) -> Accepted | None:
    """Take the turn if it is its time: all earlier ones done, and nobody runs it (any more)."""
    now = utc_now()
    earlier = aliased(Turn)
    free = or_(Turn.status == TurnStatus.QUEUED, (Turn.status == TurnStatus.RUNNING) & (Turn.lease_until < now))
    first = ~(
        select(earlier.id)
        .where(
            earlier.conversation_id == Turn.conversation_id,
            earlier.position < Turn.position,
            earlier.status != TurnStatus.DONE,
        )
        .exists()
    )
    taken = session.execute(
        update(Turn)
        .where(Turn.id == turn_id, free, first)
        .values(
            status=TurnStatus.RUNNING, owner=owner, lease_until=now + timedelta(seconds=lease),
            attempts=Turn.attempts + 1,
        )
        .returning(Turn.message_id, Turn.plan, Turn.conversation_id, Turn.attempts)
    ).one_or_none()  # fmt: skip
    if taken is None:
        return None
    message = session.get_one(Message, taken.message_id)
    conversation = session.get_one(Conversation, taken.conversation_id)
    return Accepted(
        conversation.id, turn_id, message.id, message.text, conversation.channel, conversation.holder,
        conversation.customer_id if conversation.verified_at else None, conversation.ticket_id, is_mine=True,
        history=last_lines(session, conversation.id, before=message.position, limit=history), plan=taken.plan,
        is_rerun=taken.attempts > 1,
    )  # fmt: skip


def state_of(session: Session, turn_id: UUID, *, now: datetime) -> TurnState:
    """Whether the turn is over, may be claimed, or has to wait for an earlier one or for whoever runs it."""
    turn = session.get_one(Turn, turn_id)
    if turn.status is TurnStatus.DONE:
        return TurnState.DONE
    if turn.status is TurnStatus.RUNNING and turn.lease_until is not None and turn.lease_until > now:
        return TurnState.WAITING
    earlier = session.scalar(
        select(Turn.id)
        .where(
            Turn.conversation_id == turn.conversation_id,
            Turn.position < turn.position,
            Turn.status != TurnStatus.DONE,
        )
        .limit(1)
    )
    return TurnState.FREE if earlier is None else TurnState.WAITING


def orphans(
    session: Session, *, now: datetime, conversation_id: UUID | None = None, limit: int = 100
) -> list[tuple[UUID, UUID]]:
    """Turns that nobody works on, with their conversations: running or queued, and their lease has run out."""
    rows = (
        select(Turn.id, Turn.conversation_id)
        .where(Turn.status.in_([TurnStatus.RUNNING, TurnStatus.QUEUED]), Turn.lease_until < now)
        .order_by(Turn.created_at, Turn.position)
        .limit(limit)
    )
    if conversation_id is not None:
        rows = rows.where(Turn.conversation_id == conversation_id)
    return [(turn_id, of) for turn_id, of in session.execute(rows)]


def idle(session: Session, *, since: datetime) -> list[UUID]:
    """Conversations that something was said in since then, and that have no turn in hand."""
    open_turn = select(Turn.id).where(Turn.conversation_id == Conversation.id, Turn.status != TurnStatus.DONE)
    return list(session.scalars(select(Conversation.id).where(Conversation.updated_at >= since, ~open_turn.exists())))


def renew(session: Session, turn_ids: Iterable[UUID], *, owner: str, lease: float) -> None:
    """Say that these turns are still being worked on, or waited for, by `owner`."""
    session.execute(
        update(Turn)
        .where(
            Turn.id.in_(list(turn_ids)),
            Turn.status != TurnStatus.DONE,
            or_(Turn.owner == owner, Turn.owner.is_(None)),
        )
        .values(lease_until=utc_now() + timedelta(seconds=lease))
    )


def keep_plan(session: Session, turn_id: UUID, plan: Sequence[Any]) -> None:
    """Write down the tool calls of a turn before the first of them has an effect."""
    session.execute(update(Turn).where(Turn.id == turn_id).values(plan=list(plan)))


@dataclass(frozen=True, slots=True)
class Finished:
    """What a turn came to."""

    text: str
    """Empty when nothing is said to the customer."""
    outcome: str
    confidence: float | None
    citations: Sequence[Mapping[str, Any]]
    """As in the Reply, with `chunk_id` and `score`."""
    classification: dict[str, Any] | None
    retrieval: dict[str, Any] | None


def finish(session: Session, accepted: Accepted, finished: Finished, *, owner: str) -> None:
    """Append the answer and end the turn. A person who took over while the bot was thinking silences it.

    Raises:
        Conflict: another process has taken the turn over; nothing is kept of this run.
    """
    message_id = _append_answer(session, accepted, finished) if finished.text else None
    ended = session.execute(
        update(Turn)
        .where(Turn.id == accepted.turn_id, Turn.owner == owner, Turn.status == TurnStatus.RUNNING)
        .values(
            status=TurnStatus.DONE,
            reply_id=message_id,
            outcome=finished.outcome if message_id else "waiting_for_human",
            confidence=finished.confidence,
            classification=finished.classification,
            retrieval=finished.retrieval,
            finished_at=utc_now(),
        )
        .returning(Turn.id)
    ).one_or_none()
    if ended is None:
        raise Conflict("The turn was taken over by another process.")


def _append_answer(session: Session, accepted: Accepted, finished: Finished) -> UUID | None:
    """The id of the bot's message, kept with its citations; None when a person holds the conversation by now."""
    place = next_place(session, accepted.conversation_id)
    if place.holder is ConversationHolder.PERSON:
        return None
    message_id = append(
        session,
        accepted.conversation_id,
        MessageAuthor.BOT,
        finished.text,
        position=place.last_position,
        reply={
            "outcome": finished.outcome,
            "confidence": finished.confidence,
            "citations": [{key: citation[key] for key in SHOWN_OF_CITATION} for citation in finished.citations],
        },
    )
    if finished.citations:
        session.execute(
            insert(Citation),
            [
                {
                    "conversation_id": accepted.conversation_id,
                    "turn_id": accepted.turn_id,
                    "ticket_id": place.ticket_id,
                    "article_id": UUID(citation["article_id"]),
                    "version": citation["version"],
                    "chunk_id": UUID(citation["chunk_id"]),
                    "quote": citation["quote"],
                    "score": citation["score"],
                }
                for citation in finished.citations
            ],
        )
    return message_id


def reply_of(session: Session, turn_id: UUID) -> dict[str, Any]:
    """The Reply of a finished turn, as the contract describes it."""
    row = session.execute(
        select(
            Turn.conversation_id, Turn.message_id, Turn.reply_id, Turn.outcome, Turn.confidence, Turn.classification,
            Message.text, Message.reply, Ticket.id.label("ticket_id"), Ticket.number, Ticket.status, Queue.team,
        )
        .join(Conversation, Conversation.id == Turn.conversation_id)
        .outerjoin(Message, Message.id == Turn.reply_id)
        .outerjoin(Ticket, Ticket.id == Conversation.ticket_id)
        .outerjoin(Queue, Queue.id == Ticket.queue_id)
        .where(Turn.id == turn_id)
    ).one()  # fmt: skip
    ticket = None
    if row.ticket_id is not None:
        ticket = {"id": str(row.ticket_id), "number": row.number, "status": row.status.value, "queue": row.team}
    return {
        "conversation_id": str(row.conversation_id),
        "message_id": str(row.reply_id or row.message_id),
        "turn_id": str(turn_id),
        "text": row.text or "",
        "outcome": row.outcome,
        "confidence": row.confidence,
        "citations": (row.reply or {}).get("citations", []),
        "classification": row.classification,
        "ticket": ticket,
    }
