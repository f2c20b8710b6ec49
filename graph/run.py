"""One turn, from a customer's message to the kept answer, in three steps: keep the message, think, keep the answer.

A process may be killed between any two statements. What then is left is a turn whose row says it is not done; its
lease runs out, and whoever notices first (the sweeper, or a request that waits behind it) runs it again. Tool calls
were written down before their first effect and each effect is keyed, so running again changes nothing twice.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

import structlog
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from sqlalchemy.exc import IntegrityError

from agents.escalation import hand_over_after_failure
from agents.faq import attempt_record
from agents.state import SupportState, Turn
from errors import ClaraError, Conflict, InvalidField
from graph.means import Means, open_knowledge, open_means
from graph.support import SupportGraph, build_support_graph
from memory import conversations
from memory.checkpoints import open_saver, prune
from memory.conversations import Accepted, Finished, TurnState
from memory.database import Sessions, reading, transaction
from memory.events import announce
from memory.knowledge.search import Knowledge
from memory.tables.base import utc_now
from settings import Settings
from tools.permissions import Actor, ActorKind

QUEUE_POLL_SECONDS = 0.05
"""How often a turn that waits behind another looks whether it is its time."""
RENEWALS_A_LEASE = 3
DRAIN_SECONDS = 5.0
"""How long running turns may take to end when the process is told to stop; others go on with them later."""
PARTS = re.compile(r"\S+\s*")
"""What is streamed of a text that was ready at once."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """A node of the graph has begun."""

    node: str


@dataclass(frozen=True, slots=True)
class Token:
    """A part of the answer, to be shown before the whole is there."""

    text: str


Reply = dict[str, Any]
"""As the contract describes it."""
Event = Step | Token | Reply


@dataclass(slots=True)
class _Running:
    """A turn in this process, and everything it has shown so far, for those who join late."""

    conversation_id: UUID
    task: "asyncio.Task[None] | None" = None
    reply: Reply | None = None
    """Once this process has finished the turn."""
    shown: list[Step | Token] = field(default_factory=list)
    grew: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, event: Step | Token) -> None:
        self.shown.append(event)
        self.grew.set()
        self.grew = asyncio.Event()


class Support:
    """Answers customers' messages with the support graph. One a process."""

    def __init__(self, means: Means, graph: SupportGraph, on_change: Callable[[], None] = lambda: None) -> None:
        """`on_change` is called after each commit that others may be waiting to see."""
        self.means = means
        self.graph = graph
        self.owner = f"{os.getpid()}-{uuid4().hex[:8]}"
        self._on_change = on_change
        self._running: dict[UUID, _Running] = {}
        self._lease = means.settings.turn_lease

    async def say(
        self, actor: Actor, conversation_id: UUID, text: str, *, client_id: str | None = None
    ) -> AsyncIterator[Event]:
        """Keep a customer's message and answer it: steps and tokens as they come, the Reply last.

        A message that was sent before under the same `client_id` gets the same turn's Reply.

        Raises:
            InvalidField: the text is empty or too long.
            NotFound: no such conversation.
            Conflict: another text was sent under `client_id`.
        """
        text = check_text(text, self.means.settings.message_characters)
        accepted = await asyncio.to_thread(self._accept, conversation_id, text, client_id)
        turn_id = accepted if isinstance(accepted, UUID) else accepted.turn_id
        running = self._running.get(turn_id)
        if running is None:
            first = None if isinstance(accepted, UUID) else accepted
            running = self._begin(turn_id, conversation_id, first)
        seen = 0
        task = running.task
        assert task is not None
        while True:
            grew = running.grew
            for event in running.shown[seen:]:
                yield event
            seen = len(running.shown)
            if task.done():
                break
            waiter = asyncio.ensure_future(grew.wait())
            await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
            waiter.cancel()
        await task  # raises what the turn could not deal with
        yield await asyncio.to_thread(self.reply, turn_id) if running.reply is None else running.reply

    def reply(self, turn_id: UUID) -> Reply:
        """The Reply of a finished turn."""
        with reading(self.means.sessions) as session:
            return conversations.reply_of(session, turn_id)

    async def sweep(self) -> int:
        """Run the turns that nobody works on any more; returns how many there were."""
        found = await asyncio.to_thread(self._orphans, None)
        mine = [(turn_id, of) for turn_id, of in found if turn_id not in self._running]
        started = [self._begin(turn_id, of, None) for turn_id, of in mine]
        for running in started:
            assert running.task is not None
            with suppress(ClaraError):
                await asyncio.shield(running.task)
        return len(started)

    async def prune(self, since: datetime) -> int:
        """Drop the checkpoints that no turn can need any more; returns how many conversations were looked at."""

        def idle() -> list[UUID]:
            with reading(self.means.sessions) as session:
                return conversations.idle(session, since=since)

        found = await asyncio.to_thread(idle)
        saver = self.graph.checkpointer
        assert isinstance(saver, BaseCheckpointSaver)
        await prune(saver, [str(conversation_id) for conversation_id in found])
        return len(found)

    async def keep_alive(self) -> None:
        """Renew the leases of this process's turns, for as long as it lives; run it as a task."""
        while True:
            await asyncio.sleep(self._lease / RENEWALS_A_LEASE)
            if self._running:
                await asyncio.to_thread(self._renew, list(self._running))

    async def drain(self, seconds: float) -> None:
        """Give running turns so long to end."""
        tasks = [running.task for running in self._running.values() if running.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    def _accept(self, conversation_id: UUID, text: str, client_id: str | None) -> Accepted | UUID:
        """Step one. For a repeated message, the id of the turn it has already."""
        settings = self.means.settings
        try:
            with transaction(self.means.sessions) as session:
                return conversations.accept(
                    session, conversation_id, text, client_id=client_id, owner=self.owner, lease=self._lease,
                    history=settings.history_messages,
                )  # fmt: skip
        except IntegrityError:
            if client_id is None:
                raise
            with reading(self.means.sessions) as session:
                return conversations.repeated(session, conversation_id, client_id, text)

    def _begin(self, turn_id: UUID, conversation_id: UUID, accepted: Accepted | None) -> _Running:
        """Work on the turn in a task of its own, which a customer who hangs up does not end."""
        running = self._running[turn_id] = _Running(conversation_id)
        running.task = asyncio.create_task(self._see_through(turn_id, accepted, running))

        def forget(task: "asyncio.Task[None]") -> None:
            self._running.pop(turn_id, None)
            if not task.cancelled() and task.exception() is not None:
                log.error("turn_failed", turn_id=str(turn_id), error=repr(task.exception()))

        running.task.add_done_callback(forget)
        return running

    async def _see_through(self, turn_id: UUID, accepted: Accepted | None, running: _Running) -> None:
        """Run the turn when it is its time; returns when it is done, whoever ran it."""
        while accepted is None or not accepted.is_mine:
            state = await asyncio.to_thread(self._state, turn_id)
            if state is TurnState.DONE:
                return
            if state is TurnState.FREE:
                accepted = await asyncio.to_thread(self._claim, turn_id)
            else:
                await self._help_along(turn_id, running.conversation_id)
                await asyncio.sleep(QUEUE_POLL_SECONDS)
        finished = await self._think(accepted, running.show)
        with suppress(Conflict):  # another process took it over meanwhile: its answer counts
            running.reply = await asyncio.to_thread(self._finish, accepted, finished)

    async def _help_along(self, turn_id: UUID, conversation_id: UUID) -> None:
        """Run an earlier turn of the conversation that was left behind, so that this one gets its time."""
        for orphan, of in await asyncio.to_thread(self._orphans, conversation_id):
            if orphan != turn_id and orphan not in self._running:
                self._begin(orphan, of, None)

    async def _think(self, accepted: Accepted, show: Callable[[Step | Token], None]) -> Finished:
        """Step two: the graph. A failure of ours hands the conversation to people rather than leaving it unanswered."""
        turn = self._turn(accepted)
        has_streamed = False

        def relay(event: Step | Token) -> None:
            nonlocal has_streamed
            has_streamed = has_streamed or isinstance(event, Token)
            show(event)

        try:
            result = await self._run_graph(accepted, turn, relay)
        except Exception:
            log.exception("graph_failed", turn_id=str(turn.turn_id))
            result = {"draft": await asyncio.to_thread(hand_over_after_failure, turn, accepted.text)}
        answer = result["draft"]
        assert answer is not None  # every path of the graph ends in a draft
        if not has_streamed:
            for part in PARTS.findall(answer["text"]):
                show(Token(part))
        classification = result.get("classification")
        return Finished(
            text=answer["text"],
            outcome=answer["outcome"],
            confidence=answer["confidence"],
            citations=answer["citations"],
            classification=classification.as_json() if classification else None,
            retrieval=attempt_record(result["question"], result["hits"]) if "hits" in result else None,
        )

    async def _run_graph(self, accepted: Accepted, turn: Turn, show: Callable[[Step | Token], None]) -> SupportState:
        config: RunnableConfig = {"configurable": {"thread_id": str(accepted.conversation_id)}}
        if accepted.is_rerun:
            config = await self._before(config, accepted.turn_id)
        collected: dict[str, Any] = {}
        stream = self.graph.astream(
            {"text": accepted.text}, config, context=turn, stream_mode=["tasks", "custom"], durability="exit"
        )
        async for mode, data in cast(AsyncIterator[tuple[str, dict[str, Any]]], stream):
            if mode == "custom":
                show(Token(data["token"]))
            elif "result" in data:
                collected.update(data["result"] or {})
            else:
                show(Step(data["name"]))
        return cast(SupportState, collected)

    async def _before(self, config: RunnableConfig, turn_id: UUID) -> RunnableConfig:
        """Where a re-run starts: before the checkpoint of this very turn, if its first run came as far as that."""
        snapshot = await self.graph.aget_state(config)
        if snapshot.values.get("turn_id") != str(turn_id):
            return config
        if snapshot.parent_config is not None:
            return snapshot.parent_config
        saver = self.graph.checkpointer
        assert isinstance(saver, BaseCheckpointSaver)
        await saver.adelete_thread(config["configurable"]["thread_id"])
        return config

    def _turn(self, accepted: Accepted) -> Turn:
        means = self.means
        return Turn(
            sessions=means.sessions,
            actor=Actor(ActorKind.CUSTOMER, conversation_id=accepted.conversation_id, customer_id=accepted.customer_id),
            turn_id=accepted.turn_id,
            settings=means.settings,
            knowledge=means.knowledge,
            classifier=means.classifier,
            confidence=means.confidence,
            writer=means.writer,
            conversation_id=accepted.conversation_id,
            channel=accepted.channel,
            holder=accepted.holder,
            history=accepted.history,
            plan=accepted.plan,
        )

    def _finish(self, accepted: Accepted, finished: Finished) -> Reply:
        """Step three."""
        with transaction(self.means.sessions) as session:
            conversations.finish(session, accepted, finished, owner=self.owner)
            announce(session, "conversation.message", conversation_id=accepted.conversation_id)
            reply = conversations.reply_of(session, accepted.turn_id)
        self._on_change()
        return reply

    def _claim(self, turn_id: UUID) -> Accepted | None:
        with transaction(self.means.sessions) as session:
            return conversations.claim(
                session, turn_id, owner=self.owner, lease=self._lease, history=self.means.settings.history_messages
            )

    def _state(self, turn_id: UUID) -> TurnState:
        with reading(self.means.sessions) as session:
            return conversations.state_of(session, turn_id, now=utc_now())

    def _orphans(self, conversation_id: UUID | None) -> list[tuple[UUID, UUID]]:
        with reading(self.means.sessions) as session:
            return conversations.orphans(session, now=utc_now(), conversation_id=conversation_id)

    def _renew(self, turn_ids: list[UUID]) -> None:
        with transaction(self.means.sessions) as session:
            conversations.renew(session, turn_ids, owner=self.owner, lease=self._lease)


def check_text(text: str, limit: int) -> str:
    """The message as it is kept. Raises InvalidField when it is empty or longer than `limit` characters."""
    kept = text.replace("\x00", "").strip()
    if not kept:
        raise InvalidField("The message is empty.", details=[{"field": "text"}])
    if len(kept) > limit:
        raise InvalidField(f"The message is longer than {limit:,} characters.", details=[{"field": "text"}])
    return kept


@asynccontextmanager
async def open_support(
    settings: Settings,
    sessions: Sessions,
    on_change: Callable[[], None] = lambda: None,
    knowledge: Knowledge | None = None,
) -> AsyncIterator[Support]:
    """Everything that answers customers, on a prepared home; at the end running turns get time to finish.

    Args:
        knowledge: the one that is open already, if any; opening it loads the encoder.
    """
    means = await asyncio.to_thread(open_means, settings, sessions, knowledge or open_knowledge(settings))
    async with open_saver(settings) as saver:
        support = Support(means, build_support_graph(saver), on_change)
        alive = asyncio.create_task(support.keep_alive())
        try:
            yield support
        finally:
            await support.drain(DRAIN_SECONDS)
            alive.cancel()
