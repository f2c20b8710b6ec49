"""That something changed, told to every open stream of every process through the `events` table."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from memory.database import Sessions, reading
from memory.tables import Event
from memory.tables.base import utc_now

POLL_SECONDS = 0.5
"""By how much a change made in another process may be late."""
OUTAGE_SECONDS = 5.0
"""How long to wait after the database could not be read."""
WINDOW = 500
"""How many ids below the newest are read again: a change with a lower id may be committed after one with a higher."""
WAITING_CHANGES = 200
"""How many changes wait for a slow subscriber before further ones are dropped."""
KEPT = timedelta(days=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """Where to look; what is there now, and who may see it, is read from the tables."""

    id: int
    kind: str
    conversation_id: UUID | None
    ticket_id: UUID | None


def announce(
    session: Session, kind: str, *, conversation_id: UUID | None = None, ticket_id: UUID | None = None
) -> None:
    """Tell every open stream, if and only if `session` commits."""
    session.execute(insert(Event).values(kind=kind, conversation_id=conversation_id, ticket_id=ticket_id))


def prune_events(session: Session) -> int:
    """Delete events older than a day; returns how many."""
    old = delete(Event).where(Event.created_at < utc_now() - KEPT)
    return len(session.scalars(old.returning(Event.id)).all())


class ChangeStream:
    """One subscriber's changes, to be read with `async for`, which ends when the hub closes.

    `lagged` turns true when changes were dropped because the reader was slow: it then sets it back to false and
    reads the tables anew.
    """

    def __init__(self, conversation_id: UUID | None) -> None:
        self.lagged = False
        self._conversation_id = conversation_id
        self._waiting: asyncio.Queue[Change | None] = asyncio.Queue()

    def offer(self, change: Change) -> None:
        """Add a change if it is wanted and there is room."""
        if self._conversation_id not in (None, change.conversation_id):
            return
        if self._waiting.qsize() >= WAITING_CHANGES:
            self.lagged = True
        else:
            self._waiting.put_nowait(change)

    def end(self) -> None:
        """What already waits is still read; then the stream ends."""
        self._waiting.put_nowait(None)

    def __aiter__(self) -> "ChangeStream":
        return self

    async def __anext__(self) -> Change:
        change = await self._waiting.get()
        if change is None:
            self.end()  # for whoever asks again
            raise StopAsyncIteration
        return change


class EventHub:
    """Reads the table once for all subscribers of a process, and only while there are any.

    It belongs to the event loop of its first subscriber; `poke` and `close` may be called from any thread.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._streams: set[ChangeStream] = set()
        self._admission = asyncio.Lock()
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._closed = False
        self._newest = 0
        self._known: set[int] = set()
        """Ids in the window that were already passed on."""

    @asynccontextmanager
    async def subscribe(self, conversation_id: UUID | None = None) -> AsyncIterator[ChangeStream]:
        """Changes of one conversation, or of all, committed from now on.

        Subscribe first and read the tables then: what is committed in between comes through the stream.
        """
        stream = ChangeStream(conversation_id)
        await self._admit(stream)
        try:
            yield stream
        finally:
            self._dismiss(stream)

    def poke(self) -> None:
        """Look now: call it after a commit in this process."""
        self._soon(self._wake.set)

    def close(self) -> None:
        """End every stream, and those asked for later; a server that is told to stop calls this first."""
        self._closed = True
        self._soon(self._end)

    async def _admit(self, stream: ChangeStream) -> None:
        async with self._admission:
            if self._watcher is None and not self._closed:
                self._loop = asyncio.get_running_loop()
                self._newest, self._known = await asyncio.to_thread(self._position)
                self._watcher = asyncio.create_task(self._watch())
            self._streams.add(stream)
            if self._closed:
                self._end()

    def _dismiss(self, stream: ChangeStream) -> None:
        self._streams.discard(stream)
        if self._watcher is not None and not self._streams:
            self._watcher.cancel()
            self._watcher = None

    def _soon(self, step: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(step)

    def _end(self) -> None:
        for stream in self._streams:
            stream.end()
        if self._watcher is not None:
            self._watcher.cancel()

    async def _watch(self) -> None:
        while True:
            self._wake.clear()
            pause = POLL_SECONDS
            try:
                self._pass_on(await asyncio.to_thread(self._recent, self._newest))
            except SQLAlchemyError as error:  # the database may come back, and the rows are still there then
                log.warning("events_unreadable", error=type(error).__name__)
                pause = OUTAGE_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    def _pass_on(self, recent: list[Change]) -> None:
        for change in recent:
            if change.id not in self._known:
                for stream in self._streams:
                    stream.offer(change)
        self._known = {change.id for change in recent}
        self._newest = max(self._newest, *self._known) if self._known else self._newest

    def _position(self) -> tuple[int, set[int]]:
        with reading(self._sessions) as session:
            newest = session.scalar(select(func.max(Event.id))) or 0
            return newest, set(session.scalars(select(Event.id).where(Event.id > newest - WINDOW)))

    def _recent(self, newest: int) -> list[Change]:
        columns = select(Event.id, Event.kind, Event.conversation_id, Event.ticket_id)
        with reading(self._sessions) as session:
            rows = session.execute(columns.where(Event.id > newest - WINDOW).order_by(Event.id))
            return [Change(*row) for row in rows]
