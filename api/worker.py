"""What is done after the answer: jobs of the outbox, and duties that come round."""

import asyncio
import inspect
import os
import socket
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar, TypeVarTuple
from uuid import uuid4

import structlog

from memory import outbox
from memory.database import Sessions, transaction
from memory.outbox import Hopeless
from memory.tables import Job, JobStatus

JOBS_AT_ONCE = 8
POLL_SECONDS = 1.0
"""By how much a job asked for in another process, or due for a retry, may be late."""
LEASE = 300.0
"""Seconds after which a job whose worker died runs again: more than any handler takes, by its own timeouts."""

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")
Handler = Callable[[dict[str, Any]], None]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Periodic:
    """A duty: done when the worker starts, and then again this long after it was last done."""

    name: str
    every_seconds: float
    run: Callable[[], Awaitable[None] | None]
    """Called in a thread; what it returns is awaited on the event loop, if it can be."""


class Worker:
    """Runs jobs and duties until it is stopped. Any number may work on one database."""

    def __init__(self, sessions: Sessions, handlers: Mapping[str, Handler], periodic: Sequence[Periodic] = ()) -> None:
        """`handlers` by kind of job: they run in threads, may run twice for a job, and end well within LEASE."""
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        self._sessions = sessions
        self._handlers = handlers
        self._periodic = periodic
        # a thread for each thing that can go on at once: every job, every duty and the next claim
        self._threads = ThreadPoolExecutor(JOBS_AT_ONCE + len(periodic) + 1, thread_name_prefix="worker")
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._running: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._tasks = [asyncio.create_task(self._work())]
        self._tasks += [asyncio.create_task(self._repeat(duty)) for duty in self._periodic]

    async def stop(self) -> None:
        """Begin nothing more, and return when what runs has ended."""
        self._stopping.set()
        self._wake.set()
        await asyncio.gather(*self._tasks)
        await asyncio.gather(*self._running)
        self._threads.shutdown()

    def poke(self) -> None:
        """Look for jobs now, from any thread: call it after a commit in this process."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def _work(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            jobs = await self._claim(JOBS_AT_ONCE - len(self._running))
            for job in jobs:
                task = asyncio.create_task(self._run(job))
                self._running.add(task)
                task.add_done_callback(self._run_ended)
            if not jobs:
                await _wait(self._wake, POLL_SECONDS)

    def _run_ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()

    async def _claim(self, limit: int) -> list[Job]:
        """Never more than can begin at once: what waits here would be kept from other workers."""
        if limit == 0:
            return []
        try:
            return await self._in_thread(self._claim_now, limit)
        except Exception as error:  # the next round tries again, whatever it was
            log.error("jobs_unclaimable", **_blame(error))
            return []

    def _claim_now(self, limit: int) -> list[Job]:
        with transaction(self._sessions) as session:
            return outbox.claim(session, self.name, limit=limit, lease=LEASE)

    async def _run(self, job: Job) -> None:
        try:
            await self._in_thread(self._perform, job)
        except Exception as error:  # its outcome could not be written down: it runs again when its lease has ended
            log.error("job_unsettled", job=str(job.id), kind=job.kind, attempts=job.attempts, **_blame(error))

    def _perform(self, job: Job) -> None:
        about = log.bind(job=str(job.id), kind=job.kind, attempts=job.attempts)
        try:
            self._handler(job.kind)(job.payload)
        except Exception as error:  # whatever it is, it is this job's failure and no other's
            with transaction(self._sessions) as session:
                status = outbox.fail(session, job, error)
            say = about.error if status is JobStatus.DEAD else about.warning
            say("job_failed", status=status, **_blame(error))
        else:
            with transaction(self._sessions) as session:
                ours = outbox.finish(session, job)
            if ours:
                about.info("job_done")
            else:
                about.warning("job_outlived_its_lease")

    def _handler(self, kind: str) -> Handler:
        if kind not in self._handlers:
            raise Hopeless(f"No handler for jobs of the kind {kind!r}.")
        return self._handlers[kind]

    async def _repeat(self, duty: Periodic) -> None:
        while not self._stopping.is_set():
            try:
                result = await self._in_thread(duty.run)
                if inspect.isawaitable(result):
                    await result
            except Exception as error:  # its next time may go better, and the other duties go on
                log.error("duty_failed", duty=duty.name, **_blame(error))
            await _wait(self._stopping, duty.every_seconds)

    async def _in_thread(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Until `event` is set, but no longer than `seconds`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _blame(error: Exception) -> dict[str, str]:
    """What went wrong and where, without texts of others that may quote a customer."""
    frames = traceback.extract_tb(error.__traceback__)
    return {"error": outbox.describe(error), "where": " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames))}
