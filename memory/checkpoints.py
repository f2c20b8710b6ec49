"""Opens the LangGraph saver, and prunes the checkpoints that no turn can need any more."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiosqlite
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from memory.database import BUSY_TIMEOUT_MS
from settings import Settings

POSTGRES_CONNECTIONS = 8
"""The saver's own pool; with one connection all turns of a process would wait for each other."""
FILE = "checkpoints.db"
PRUNED_AT_ONCE = 200
"""Conversations, in one transaction."""
KEEP_NEWEST = """
DELETE FROM checkpoints WHERE thread_id = ? AND checkpoint_id < (
    SELECT max(newest.checkpoint_id) FROM checkpoints AS newest
    WHERE newest.thread_id = checkpoints.thread_id AND newest.checkpoint_ns = checkpoints.checkpoint_ns
)
"""
"""Checkpoint ids are ordered by time."""
DROP_WRITES = """
DELETE FROM writes WHERE thread_id = ? AND NOT EXISTS (
    SELECT 1 FROM checkpoints
    WHERE checkpoints.thread_id = writes.thread_id AND checkpoints.checkpoint_ns = writes.checkpoint_ns
      AND checkpoints.checkpoint_id = writes.checkpoint_id
)
"""


@asynccontextmanager
async def open_saver(settings: Settings) -> AsyncIterator[BaseCheckpointSaver[str]]:
    """The saver for the configured database; on SQLite in a file of its own, since a file has one writer.

    The serializer is strict: a crafted row in the checkpoint store runs nothing when it is read.
    """
    # None: only the library's list of harmless types. Said here, since the environment variable for it
    # (LANGGRAPH_STRICT_MSGPACK) counts only where nothing of langgraph was imported before it was set.
    serializer = JsonPlusSerializer(pickle_fallback=False, allowed_msgpack_modules=None)
    if settings.is_sqlite:
        settings.home.mkdir(parents=True, exist_ok=True)
        # the driver's default isolation level stays: with autocommit a kill would keep half of a checkpoint
        async with aiosqlite.connect(settings.home / FILE) as connection:
            await connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            # a killed process loses nothing by this; after a power cut a conversation may have forgotten its last
            # topic, while the transcript, in the other file, has all of it
            await connection.execute("PRAGMA synchronous = NORMAL")
            saver = AsyncSqliteSaver(connection, serde=serializer)
            await saver.setup()
            yield saver
        return
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver  # noqa: PLC0415 - only when used
    from psycopg.rows import dict_row  # noqa: PLC0415
    from psycopg_pool import AsyncConnectionPool  # noqa: PLC0415

    pool = AsyncConnectionPool(
        settings.url.replace("+psycopg", ""),
        min_size=1,
        max_size=POSTGRES_CONNECTIONS,
        open=False,
        kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
    )
    async with pool:
        postgres_saver = AsyncPostgresSaver(pool, serde=serializer)  # type: ignore[arg-type]
        await postgres_saver.setup()
        yield postgres_saver


async def prune(saver: BaseCheckpointSaver[str], conversations: Sequence[str]) -> None:
    """Keep only the newest checkpoint of each of these conversations, none of which may have a turn in hand.

    A turn in hand may have to be run again from the checkpoint before its own; a finished one never is.
    """
    if not isinstance(saver, AsyncSqliteSaver):
        await saver.aprune(conversations)
        return
    for start in range(0, len(conversations), PRUNED_AT_ONCE):
        rows = [(conversation,) for conversation in conversations[start : start + PRUNED_AT_ONCE]]
        async with saver.lock:
            await saver.conn.executemany(KEEP_NEWEST, rows)
            await saver.conn.executemany(DROP_WRITES, rows)
            await saver.conn.commit()
