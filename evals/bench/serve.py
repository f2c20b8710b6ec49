"""A side in a process of its own, so that neither's libraries weigh on the other, told what to do by lines of JSON.

Requests: `{"do":"prefill","messages":[…],"opening":…}`, `{"do":"turn","conversation":…,"text":…}` and
`{"do":"count",…}` with the same fields. Each gets one line of JSON back.
"""

import asyncio
import json
import os
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from evals.bench.wal import committed, empty


class Side(Protocol):
    files: list[Path]
    """The SQLite files that a turn writes to."""

    async def prefill(self, messages: Sequence[str], opening: str) -> str:
        """A conversation with these messages, customer first, and then one real turn about `opening`; its id."""
        ...

    async def turn(self, conversation: str, text: str) -> str:
        """One whole turn, kept on disk when it returns: the answer, or how it ended."""
        ...

    async def length(self, conversation: str) -> int:
        """Messages in the conversation."""
        ...


@dataclass(frozen=True, slots=True)
class Cost:
    """What a turn leaves on disk."""

    commits: int
    wal_bytes: int
    """Written to the write-ahead logs: whole pages, indexes too."""
    row_bytes: int
    """Growth of all columns of all rows."""


@dataclass(frozen=True, slots=True)
class Time:
    """Seconds of a turn."""

    wall: float
    processor: float
    """Of all threads of the process: says the same on a busy machine."""


async def timed(side: Side, conversation: str, text: str) -> tuple[Time, str]:
    """How long one turn takes, and what came of it."""
    wall, processor = time.perf_counter(), time.process_time()
    answer = await side.turn(conversation, text)
    return Time(time.perf_counter() - wall, time.process_time() - processor), answer


async def counted(side: Side, conversation: str, text: str) -> Cost:
    """What one turn writes. Counting needs a quiet moment before and after, so this turn is not timed."""
    for file in side.files:
        empty(file)
    before = sum(map(row_bytes, side.files))
    await side.turn(conversation, text)
    logs = [committed(file) for file in side.files]
    return Cost(
        commits=sum(log.commits for log in logs),
        wal_bytes=sum(log.written_bytes for log in logs),
        row_bytes=sum(map(row_bytes, side.files)) - before,
    )


def row_bytes(file: Path) -> int:
    """Total length of all values in all ordinary tables of a SQLite file."""
    with closing(sqlite3.connect(file)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        total = 0
        for (table,) in tables:
            columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
            lengths = " + ".join(f'coalesce(length(CAST("{column}" AS BLOB)), 0)' for column in columns)
            total += connection.execute(f'SELECT coalesce(sum({lengths}), 0) FROM "{table}"').fetchone()[0]  # noqa: S608
    return total


async def carry_out(side: Side, request: dict[str, Any]) -> dict[str, Any]:
    if request["do"] == "prefill":
        conversation = await side.prefill(request["messages"], request["opening"])
        return {"conversation": conversation, "length": await side.length(conversation)}
    if request["do"] == "count":
        cost = await counted(side, request["conversation"], request["text"])
        return asdict(cost)
    spent, answer = await timed(side, request["conversation"], request["text"])
    return {"wall": spent.wall, "processor": spent.processor, "answer": answer}


async def serve(side: Side) -> None:
    """Carry out requests from standard input until it ends. What libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    print(json.dumps({"ready": True}), file=answers, flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await carry_out(side, json.loads(line))), file=answers, flush=True)
