import asyncio
import email
import os
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from threading import Barrier, Condition
from threading import Event as Flag

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import select, text, update
from structlog.testing import capture_logs

from api import worker as workers
from api.worker import JOBS_AT_ONCE, Periodic, Worker
from memory.database import reading, transaction
from memory.outbox import enqueue
from memory.tables import Job, JobStatus, Queue, Ticket
from memory.tables.base import utc_now
from settings import Settings
from tools.mail import MAIL_JOB, deliver_mail, queue_mail

PATIENCE = 30
"""Seconds: far more than is ever needed."""


class Inbox(Controller):
    """A real mail server, which keeps the Message-IDs it gets, in order."""

    def __init__(self, port=0):
        self.message_ids = []
        self.arrived = Condition()
        super().__init__(self, hostname="127.0.0.1", port=port)

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        with self.arrived:
            self.message_ids.append(email.message_from_bytes(envelope.content)["Message-ID"])
            self.arrived.notify_all()
        return "250 OK"

    def wait_for(self, count):
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.message_ids) >= count, timeout=PATIENCE)


@asynccontextmanager
async def working(worker):
    worker.start()
    yield
    await worker.stop()


def ask(sessions, kind, **payload):
    with transaction(sessions) as session:
        return enqueue(session, kind, payload).id


def job(sessions, job_id):
    with reading(sessions) as session:
        return session.get_one(Job, job_id)


def make_due(sessions):
    """What the clock would do."""
    with transaction(sessions) as session:
        unfinished = Job.status.in_([JobStatus.PENDING, JobStatus.CLAIMED])
        session.execute(update(Job).where(unfinished).values(run_at=utc_now()))


async def until(holds):
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in a thread or in the database
            await asyncio.sleep(0.01)


def refuse(payload):
    raise ValueError(f"cannot do it for {payload['name']}")


def test_jobs_are_run_and_one_that_fails_stops_no_other(sessions):
    greeted = []
    handlers = {"greet": lambda payload: greeted.append(payload["name"]), "refuse": refuse}
    refused, unknown = ask(sessions, "refuse", name="Eve"), ask(sessions, "sing")
    done = [ask(sessions, "greet", name=name) for name in ("Ana", "Bob")]

    async def scenario():
        async with working(Worker(sessions, handlers)):
            await until(lambda: all(job(sessions, one).status is JobStatus.DONE for one in done))
            await until(lambda: job(sessions, refused).last_error and job(sessions, unknown).last_error)

    with capture_logs() as logs:
        asyncio.run(scenario())
    assert sorted(greeted) == ["Ana", "Bob"]
    assert (job(sessions, refused).status, job(sessions, refused).last_error) == (JobStatus.PENDING, "ValueError")
    assert job(sessions, unknown).status is JobStatus.DEAD
    assert job(sessions, unknown).last_error == "Hopeless: No handler for jobs of the kind 'sing'."
    assert Counter(line["event"] for line in logs) == {"job_done": 2, "job_failed": 2}
    assert {line["kind"] for line in logs} == {"greet", "refuse", "sing"}
    assert not any(name in str(logs) for name in ("Ana", "Bob", "Eve"))


def test_a_poke_is_enough(sessions, monkeypatch):
    monkeypatch.setattr(workers, "POLL_SECONDS", 3_600)
    greeted = Flag()

    async def scenario():
        worker = Worker(sessions, {"greet": lambda _: greeted.set()})
        async with working(worker):
            await asyncio.sleep(0.2)  # it has looked, and waits
            await asyncio.to_thread(ask, sessions, "greet")
            assert not greeted.is_set()
            await asyncio.to_thread(worker.poke)
            assert await asyncio.to_thread(greeted.wait, PATIENCE)

    asyncio.run(scenario())


def test_jobs_run_side_by_side(sessions):
    together = Barrier(JOBS_AT_ONCE)
    asked = [ask(sessions, "meet") for _ in range(2 * JOBS_AT_ONCE)]

    async def scenario():
        async with working(Worker(sessions, {"meet": lambda _: together.wait(PATIENCE)})):
            await until(lambda: all(job(sessions, one).status is JobStatus.DONE for one in asked))

    asyncio.run(scenario())


def test_a_worker_claims_only_what_it_can_begin(sessions):
    go_on = Flag()
    for _ in range(JOBS_AT_ONCE + 3):
        ask(sessions, "wait")

    def claimed():
        with reading(sessions) as session:
            return len(session.scalars(select(Job.id).where(Job.status == JobStatus.CLAIMED)).all())

    async def scenario():
        worker = Worker(sessions, {"wait": lambda _: go_on.wait(PATIENCE)})
        async with working(worker):
            await until(lambda: claimed() == JOBS_AT_ONCE)
            for _ in range(5):
                worker.poke()
                await asyncio.sleep(0.02)
            at_once = claimed()
            go_on.set()
            return at_once

    assert asyncio.run(scenario()) == JOBS_AT_ONCE


def test_stopping_finishes_what_runs_and_begins_nothing(sessions):
    begun, go_on = Flag(), Flag()

    def work(_):
        begun.set()
        assert go_on.wait(PATIENCE)

    running = ask(sessions, "work")

    async def scenario():
        worker = Worker(sessions, {"work": work})
        worker.start()
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        stopping = asyncio.create_task(worker.stop())
        await asyncio.sleep(0.1)
        late = ask(sessions, "work")
        worker.poke()
        assert not stopping.done()
        go_on.set()
        await stopping
        return late

    late = asyncio.run(scenario())
    assert job(sessions, running).status is JobStatus.DONE
    assert job(sessions, late).status is JobStatus.PENDING


def test_duties_come_round_and_one_that_fails_stops_no_other(sessions):
    rounds = Counter()

    def tidy():
        rounds["tidy"] += 1

    async def sweep():
        await asyncio.sleep(0)
        rounds["sweep"] += 1

    def fail():
        rounds["fail"] += 1
        raise ValueError("of ana@example.com")

    duties = [Periodic(duty.__name__, 0.01, duty) for duty in (fail, tidy, sweep)]
    duties.append(Periodic("once", 3_600, lambda: rounds.update(["once"])))

    async def scenario():
        async with working(Worker(sessions, {}, duties)):
            await until(lambda: min(rounds[name] for name in ("tidy", "sweep", "fail")) > 3)

    with capture_logs() as logs:
        asyncio.run(scenario())
    assert rounds["once"] == 1
    assert {(line["event"], line["duty"], line["error"]) for line in logs} == {("duty_failed", "fail", "ValueError")}


def test_stopping_waits_for_a_running_duty(sessions):
    begun, go_on, ended = Flag(), Flag(), Flag()

    def tidy():
        begun.set()
        assert go_on.wait(PATIENCE)
        ended.set()

    async def scenario():
        worker = Worker(sessions, {}, [Periodic("tidy", 3_600, tidy)])
        worker.start()
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        asyncio.get_running_loop().call_later(0.05, go_on.set)
        await worker.stop()

    asyncio.run(scenario())
    assert ended.is_set()


def test_the_worker_outlives_an_outage_of_the_database(sessions, monkeypatch):
    monkeypatch.setattr(workers, "POLL_SECONDS", 0.02)
    asked = ask(sessions, "greet")

    def rename(old, new):
        with transaction(sessions) as session:
            session.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    async def scenario():
        rename("outbox", "away")
        with capture_logs() as logs:
            async with working(Worker(sessions, {"greet": lambda _: None})):
                await until(lambda: logs)
                rename("away", "outbox")
                await until(lambda: job(sessions, asked).status is JobStatus.DONE)
        return logs[0]["event"]

    assert asyncio.run(scenario()) == "jobs_unclaimable"


def test_a_job_whose_outcome_cannot_be_written_runs_again_after_its_lease(sessions, monkeypatch):
    monkeypatch.setattr(workers, "POLL_SECONDS", 0.02)
    asked = ask(sessions, "greet")
    greetings = []

    def rename(old, new):
        with transaction(sessions) as session:
            session.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    def greet(_):
        greetings.append("hello")
        if len(greetings) == 1:
            rename("outbox", "away")

    async def scenario():
        with capture_logs() as logs:
            async with working(Worker(sessions, {"greet": greet})):
                await until(lambda: "job_unsettled" in str(logs))
                rename("away", "outbox")
                make_due(sessions)
                await until(lambda: job(sessions, asked).status is JobStatus.DONE)

    asyncio.run(scenario())
    assert len(greetings) == 2


def test_a_mail_waits_until_its_server_is_back(sessions, settings):
    down = Inbox()
    down.start()
    down.stop()
    settings = settings.model_copy(update={"smtp_url": smtp_url(down.port)})
    with transaction(sessions) as session:
        message_id = queue_mail(session, to="ana@example.com", subject="Hello", text="…")
        (asked,) = session.scalars(select(Job.id))

    async def scenario():
        worker = Worker(sessions, {MAIL_JOB: partial(deliver_mail, settings)})
        async with working(worker):
            await until(lambda: job(sessions, asked).last_error)
            up = Inbox(down.port)
            await asyncio.to_thread(up.start)
            make_due(sessions)
            worker.poke()
            await until(lambda: job(sessions, asked).status is JobStatus.DONE)
            await asyncio.to_thread(up.stop)
            return up.message_ids

    assert asyncio.run(scenario()) == [message_id]
    assert job(sessions, asked).attempts == 2


def smtp_url(port):
    return Settings(smtp_url=f"smtp://127.0.0.1:{port}", _env_file=None).smtp_url


WORKER_PROCESS = f"""
import asyncio
from functools import partial
from api.worker import Worker
from memory.database import open_sessions
from settings import Settings
from tools.mail import deliver_mail

async def main():
    settings = Settings(_env_file=None)
    Worker(open_sessions(settings), {{{MAIL_JOB!r}: partial(deliver_mail, settings)}}).start()
    await asyncio.Event().wait()

asyncio.run(main())
"""


def start_worker_process(settings, inbox):
    return subprocess.Popen(
        [sys.executable, "-c", WORKER_PROCESS],
        cwd=Path(workers.__file__).parents[1],
        env=os.environ
        | {
            "CLARA_HOME": str(settings.home),
            "CLARA_DATABASE_URL": settings.url,
            "CLARA_SMTP_URL": f"smtp://127.0.0.1:{inbox.port}",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def open_tickets(sessions, count, dice):
    """Tickets, each with a mail about it; as many are begun and not kept. Returns the kept mails' Message-IDs."""
    kept = set()
    for number in range(2 * count):
        with sessions.write() as session:
            queue = session.scalars(select(Queue)).first()
            session.add(Ticket(number=number, subject="Late", description="…", queue_id=queue.id))
            message_id = queue_mail(session, to="ana@example.com", subject=f"#{number}", text="We are on it.")
            if len(kept) < count and (dice.random() < 0.5 or number >= count + len(kept)):
                session.commit()
                kept.add(message_id)
    return kept


def work_through_kills(settings, sessions, inbox, kills, dice):
    """Kill the worker after each of `kills` counts of delivered mails, in the middle of others; then let it finish."""
    process = start_worker_process(settings, inbox)
    for count in kills:
        inbox.wait_for(count)
        time.sleep(dice.uniform(0, 0.02))
        process.kill()
        process.wait()
        make_due(sessions)  # instead of waiting for the end of the killed worker's leases
        process = start_worker_process(settings, inbox)
    deadline = time.monotonic() + PATIENCE
    while unfinished(sessions) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()


def unfinished(sessions):
    with reading(sessions) as session:
        return session.scalars(select(Job.id).where(Job.status != JobStatus.DONE)).all()


@pytest.mark.parametrize(
    ("mails", "kills"),
    [(40, 5), pytest.param(1_000, 200, marks=[pytest.mark.soak, pytest.mark.timeout(3_600)])],
)
def test_every_mail_of_a_kept_ticket_and_no_other_is_delivered_whenever_workers_are_killed(
    settings, sessions, mails, kills
):
    dice = random.Random(20_260_301)
    kept = open_tickets(sessions, mails, dice)
    inbox = Inbox()
    inbox.start()

    work_through_kills(settings, sessions, inbox, sorted(dice.sample(range(1, mails), kills)), dice)

    inbox.stop()
    assert unfinished(sessions) == []
    assert len(kept) == mails
    assert set(inbox.message_ids) == kept
