import io
import json
import logging

import pytest
import structlog

from api.logs import REMOVED, configure_logging
from settings import Settings


@pytest.fixture(autouse=True)
def _restore_logging():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()  # else configuring would close the test runner's own
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def stream():
    stream = io.StringIO()
    configure_logging(Settings(_env_file=None), stream)
    return stream


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_level_logger_and_time(stream):
    structlog.stdlib.get_logger("memory.outbox").info("sent\nnow", attempt=2)
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "sent\nnow", "attempt": 2, "level": "info", "logger": "memory.outbox"}


@pytest.mark.parametrize("name", ["uvicorn", "uvicorn.error", "sqlalchemy.engine", "anything"])
def test_the_standard_librarys_loggers_go_the_same_way(stream, name):
    logging.getLogger(name).warning("%s wrote this", "ann@example.com")
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["logger"]) == (f"{REMOVED} wrote this", "warning", name)


def test_uvicorns_access_lines_are_dropped_because_we_write_our_own(stream):
    logging.getLogger("uvicorn.access").info("GET /api/tickets?customer=ann@example.com")
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    "personal",
    [
        {"email": "a"},
        {"name": "Ann"},
        {"text": "My card is lost"},
        {"password": "hunter2"},
        {"token": "t"},
        {"Authorization": "Bearer t"},
        {"customer_email": "a"},
        {"access_token": "t"},
        {"smtp-password": "p"},
        {"request": {"headers": {"authorization": "Bearer t"}}},
        {"rows": [{"name": "Ann"}]},
    ],
    ids=lambda value: next(iter(value)),
)
def test_personal_values_are_dropped_by_their_key(stream, personal):
    structlog.stdlib.get_logger().warning("event", **personal)
    written = stream.getvalue()
    assert REMOVED in written
    for value in ("Ann", "card", "hunter2", "Bearer", '"a"', '"t"', '"p"'):
        assert value not in written


def test_what_only_sounds_like_it_is_kept(stream):
    structlog.stdlib.get_logger().info("event", tokens=12, context="chat", route="/api/tickets", renamed=True)
    (line,) = lines(stream)
    assert (line["tokens"], line["context"], line["route"], line["renamed"]) == (12, "chat", "/api/tickets", True)


@pytest.mark.parametrize(
    "value",
    [
        "mail to ann.o+crm@mail.example.com bounced",
        ["ann@example.com"],
        {"to": ("ann@example.com",)},
        ValueError("ann@example.com"),
        "postgresql://clara:hunter2@db.example.com/clara",
    ],
    ids=repr,
)
def test_addresses_are_removed_wherever_they_stand(stream, value):
    structlog.stdlib.get_logger().info("note", detail=value)
    written = stream.getvalue()
    assert REMOVED in written
    assert "example.com" not in written
    assert "hunter2" not in written


def test_addresses_are_removed_from_the_event_and_from_tracebacks(stream):
    try:
        raise LookupError("no customer ann@example.com")
    except LookupError:
        structlog.stdlib.get_logger().exception("failed for ann@example.com")
    (line,) = lines(stream)
    assert "LookupError" in line["exception"]
    assert "ann@example.com" not in stream.getvalue()


def test_the_level_is_the_settings_one():
    stream = io.StringIO()
    configure_logging(Settings(log_level="warning", _env_file=None), stream)
    structlog.stdlib.get_logger().info("quiet")
    logging.getLogger("anything").info("quiet")
    structlog.stdlib.get_logger().warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_a_terminal_gets_text_that_people_read():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    configure_logging(Settings(_env_file=None), stream)
    structlog.stdlib.get_logger().info("started", password="hunter2")
    assert "started" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()
    with pytest.raises(json.JSONDecodeError):
        json.loads(stream.getvalue())


def test_configuring_twice_writes_once(stream):
    configure_logging(Settings(_env_file=None), stream)
    logging.getLogger("anything").warning("once")
    assert len(lines(stream)) == 1
