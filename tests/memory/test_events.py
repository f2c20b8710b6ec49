import asyncio
from datetime import timedelta
from threading import Thread
from uuid import uuid4

import pytest
from sqlalchemy import event, select, text, update
from structlog.testing import capture_logs

from memory import events
from memory.database import open_sessions, transaction
from memory.events import WAITING_CHANGES, EventHub, announce, prune_events
from memory.tables import Event
from memory.tables.base import utc_now

PATIENCE = 20
"""Seconds: far more than is ever needed."""


def tell(sessions, *kinds, **about):
    with transaction(sessions) as session:
        for kind in kinds:
            announce(session, kind, **about)


async def read(stream, count=1):
    async with asyncio.timeout(PATIENCE):
        return [(await anext(stream)).kind for _ in range(count)]


async def read_to_end(stream):
    async with asyncio.timeout(PATIENCE):
        return [change.kind async for change in stream]


async def until(holds):
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in a thread
            await asyncio.sleep(0.01)


@pytest.fixture
def hub(sessions):
    return EventHub(sessions)


def test_a_change_is_told_when_it_is_committed_and_only_then(sessions, hub):
    async def scenario():
        async with hub.subscribe() as stream:
            with sessions.write() as undone:
                announce(undone, "undone")
                undone.flush()
            tell(sessions, "done")
            hub.poke()
            return await read(stream)

    assert asyncio.run(scenario()) == ["done"]


def test_a_change_of_another_process_is_noticed_without_a_poke(settings, hub):
    elsewhere = open_sessions(settings)

    async def scenario():
        async with hub.subscribe() as stream:
            tell(elsewhere, "first", "second")
            return await read(stream, 2)

    assert asyncio.run(scenario()) == ["first", "second"]
    elsewhere.engine.dispose()


def test_a_change_says_where_to_look(sessions, hub):
    conversation, ticket = uuid4(), uuid4()

    async def scenario():
        async with hub.subscribe() as stream:
            tell(sessions, "ticket.opened", conversation_id=conversation, ticket_id=ticket)
            hub.poke()
            async with asyncio.timeout(PATIENCE):
                return await anext(stream)

    change = asyncio.run(scenario())
    assert (change.conversation_id, change.ticket_id) == (conversation, ticket)


def test_a_customer_is_told_of_one_conversation_only(sessions, hub):
    mine, other = uuid4(), uuid4()

    async def scenario():
        async with hub.subscribe(mine) as stream, hub.subscribe() as staff:
            tell(sessions, "other", conversation_id=other)
            tell(sessions, "nobody's")
            tell(sessions, "mine", conversation_id=mine)
            hub.poke()
            return await read(stream), await read(staff, 3)

    assert asyncio.run(scenario()) == (["mine"], ["other", "nobody's", "mine"])


def test_a_lower_id_committed_after_a_higher_one_is_told_and_nothing_twice(sessions, settings, hub):
    if settings.is_sqlite:
        pytest.skip("SQLite has one writer: ids are committed in order")

    async def scenario():
        async with hub.subscribe() as stream:
            with sessions.write() as slow:
                announce(slow, "slow")
                slow.flush()
                with sessions.write() as undone:  # its id stays a gap
                    announce(undone, "undone")
                    undone.flush()
                tell(sessions, "quick")
                hub.poke()
                seen = await read(stream)
                slow.commit()
            hub.poke()
            seen += await read(stream)
            tell(sessions, "last")
            hub.poke()
            return seen + await read(stream)

    assert asyncio.run(scenario()) == ["quick", "slow", "last"]


def test_more_at_once_than_the_window_is_told_once_each(sessions, hub):
    count = events.WINDOW + 100

    async def scenario():
        async with hub.subscribe(conversation := uuid4()) as stream:
            tell(sessions, *["noise"] * count)
            tell(sessions, "first", conversation_id=conversation)
            hub.poke()
            seen = await read(stream)
            tell(sessions, "second", conversation_id=conversation)
            hub.poke()
            return seen + await read(stream)

    assert asyncio.run(scenario()) == ["first", "second"]


def test_who_subscribes_later_is_not_told_of_earlier_changes(sessions, hub):
    async def scenario():
        async with hub.subscribe() as stream:
            tell(sessions, "first")
            hub.poke()
            await read(stream)
        tell(sessions, "unseen")
        async with hub.subscribe() as stream:
            tell(sessions, "second")
            hub.poke()
            return await read(stream)

    assert asyncio.run(scenario()) == ["second"]


def test_a_slow_subscriber_is_marked_and_slows_nobody_down(sessions, hub):
    async def scenario():
        async with hub.subscribe() as slow, hub.subscribe() as quick:
            tell(sessions, *["early"] * WAITING_CHANGES)
            hub.poke()
            await read(quick, WAITING_CHANGES)
            before = slow.lagged
            tell(sessions, "late")
            hub.poke()
            assert await read(quick) == ["late"]
            lagged, slow.lagged = slow.lagged, False
            early = await read(slow, WAITING_CHANGES)
            tell(sessions, "again")
            hub.poke()
            return before, lagged, quick.lagged, set(early), await read(slow), slow.lagged

    assert asyncio.run(scenario()) == (False, True, False, {"early"}, ["again"], False)


def test_closing_from_another_thread_ends_every_stream(hub):
    async def scenario():
        async with hub.subscribe() as one, hub.subscribe(uuid4()) as other:
            closer = Thread(target=hub.close)
            ended = asyncio.gather(read_to_end(one), read_to_end(other), read_to_end(one))
            closer.start()
            await ended
            closer.join()
        async with hub.subscribe() as late:
            return await read_to_end(late)

    assert asyncio.run(scenario()) == []


def test_what_waits_is_read_before_the_end(sessions, hub):
    async def scenario():
        async with hub.subscribe() as stream, hub.subscribe() as other:
            tell(sessions, "last")
            hub.poke()
            await read(other)
            hub.close()
            return await read_to_end(stream)

    assert asyncio.run(scenario()) == ["last"]


def test_the_table_is_read_only_while_somebody_listens(sessions, hub, monkeypatch):
    monkeypatch.setattr(events, "POLL_SECONDS", 0.01)
    statements = []
    reader = sessions.read.kw["bind"]
    event.listen(reader, "before_cursor_execute", lambda *given: statements.append(given[2]))

    async def scenario():
        async with hub.subscribe():
            await until(lambda: len(statements) > 4)
        await asyncio.sleep(0.1)  # a thread that is reading ends
        read_before = len(statements)
        hub.poke()
        await asyncio.sleep(0.2)
        return len(statements) - read_before

    assert asyncio.run(scenario()) == 0


def test_an_outage_of_the_database_loses_no_change(sessions, hub, monkeypatch):
    monkeypatch.setattr(events, "OUTAGE_SECONDS", 0.05)

    def rename(old, new):
        with transaction(sessions) as session:
            session.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    async def scenario():
        async with hub.subscribe() as stream:
            rename("events", "away")
            with capture_logs() as logs:
                await until(lambda: logs)
            rename("away", "events")
            tell(sessions, "after")
            return logs[0]["event"], await read(stream)

    assert asyncio.run(scenario()) == ("events_unreadable", ["after"])


def test_events_are_pruned_after_a_day(sessions):
    tell(sessions, "old")
    with transaction(sessions) as session:
        session.execute(update(Event).values(created_at=utc_now() - timedelta(hours=25)))
    tell(sessions, "new")
    with transaction(sessions) as session:
        assert prune_events(session) == 1
        assert list(session.scalars(select(Event.kind))) == ["new"]
