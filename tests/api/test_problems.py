import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import psycopg
import pytest
from fastapi import APIRouter, Body, FastAPI, File, Form, UploadFile
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, EmailStr
from sqlalchemy import create_engine, select, text, update
from sqlalchemy.orm import Session
from structlog.contextvars import merge_contextvars
from structlog.processors import format_exc_info
from structlog.testing import capture_logs

import errors
from api.app import create_app
from api.problems import DETAILS_KEPT
from memory.database import Sessions, transaction
from memory.tables import Customer, Queue
from settings import Settings


class Sample(BaseModel):
    name: str
    email: EmailStr | None = None
    password: str | None = None
    number: int = 0
    ratio: float = 0
    at: AwareDatetime | None = None
    tags: list[str] = []
    extra: dict[str, Any] | None = None


@pytest.fixture
def app(tmp_path):
    """The real application with one route that keeps all it is given and says it again."""
    app = create_app(Settings(home=tmp_path, body_bytes=200_000, _env_file=None))

    @app.post("/api/samples/{place}")
    def create_sample(place: str, sample: Sample, q: str = "") -> dict[str, Any]:
        return {"place": place, "q": q, "sample": sample}

    @app.post("/api/forms")
    def send_form(title: Annotated[str, Form()], file: Annotated[UploadFile, File()]) -> str:
        return f"{title} {file.filename}"

    return app


@pytest.fixture
def client(app):
    return TestClient(app)


def raising(app: FastAPI, error: Exception) -> TestClient:
    @app.get("/api/raises")
    def raises() -> None:
        raise error

    return TestClient(app)


KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ClaraError)]


@pytest.mark.parametrize("kind", KINDS)
def test_our_errors_keep_their_status_code_message_details_and_retry_after(app, kind):
    error = kind("Said to the caller.", details={"left": 0}, retry_after=17)
    answer = raising(app, error).get("/api/raises")
    assert answer.status_code == kind.status
    assert answer.json() == {"code": kind.code, "message": "Said to the caller.", "details": {"left": 0}}
    assert answer.headers["retry-after"] == "17"


def test_details_and_retry_after_are_left_out_when_there_are_none(app):
    answer = raising(app, errors.NotFound("No such thing.")).get("/api/raises")
    assert answer.json() == {"code": "not_found", "message": "No such thing."}
    assert "retry-after" not in answer.headers


def test_not_signed_in_says_how_to_sign_in(app):
    answer = raising(app, errors.NotSignedIn("Please sign in.")).get("/api/raises")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_path_that_is_not_there_and_a_method_that_is_not_allowed(client):
    missing = client.get("/api/nothing/here")
    assert (missing.status_code, missing.json()) == (404, {"code": "not_found", "message": "Not Found"})
    wrong = client.delete("/api/samples/1")
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["allow"]) == (405, "method_not_allowed", "POST")


def test_invalid_fields_are_named_but_their_values_are_not_repeated(client):
    answer = client.post(
        "/api/samples/1", json={"password": ["hunter2"], "tags": ["fine", 7_654_321], "at": "2026-01-01T00:00:00"}
    )
    assert answer.status_code == 422
    body = answer.json()
    assert body["code"] == "invalid_field"
    assert [item["field"] for item in body["details"]] == ["name", "password", "at", "tags.1"]
    assert all(item["message"] for item in body["details"])
    assert "hunter2" not in answer.text
    assert "7654321" not in answer.text


def test_a_body_that_is_wrong_in_very_many_places_gets_a_short_answer(client):
    answer = client.post("/api/samples/1", json={"name": "a", "tags": [1] * 10_000})
    assert answer.status_code == 422
    assert len(answer.json()["details"]) == DETAILS_KEPT


@pytest.mark.parametrize(
    "content", [b"{", b"{'name': 1}", b"\xff\xfe", b"[" * 100_000, b'{"number": ' + b"9" * 5_000 + b"}", b"nope"]
)
def test_what_is_not_json_is_malformed(client, content):
    answer = client.post("/api/samples/1", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_an_empty_body_is_a_missing_field(client):
    answer = client.post("/api/samples/1", headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["details"] == [{"field": "body", "message": "Field required"}]


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "nonsense"])
def test_json_under_another_content_type_is_415(client, kind):
    answer = client.post("/api/samples/1", content=b'{"name": "a"}', headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_json_where_a_form_is_due_is_415_and_an_incomplete_form_is_422(client):
    assert client.post("/api/forms", json={"title": "a"}).status_code == 415
    assert client.post("/api/forms", data={"title": "a"}).status_code == 422
    assert client.post("/api/forms", data={"title": "a"}, files={"file": ("b.md", b"c")}).json() == "a b.md"


def test_a_broken_multipart_body_is_malformed(client):
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/api/forms", content=b"--y\r\nno", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


ODD_BODIES = {
    "nul": (b'{"name": "a\\u0000b"}', "name"),
    "lone surrogate": (b'{"name": "a\\ud800b"}', "name"),
    "surrogates the wrong way round": (b'{"tags": ["\\udc00\\ud800"], "name": "a"}', "tags.0"),
    "surrogate as bytes": (b'{"name": "\xed\xa0\x80"}', "name"),
    "nul in utf-16": ('{"name": "a\\u0000b"}'.encode("utf-16"), "name"),
    "nul in a name": (b'{"name": "a", "extra": {"b\\u0000": 1}}', "extra"),
    "surrogate in a name": (b'{"name": "a", "extra": {"\\udfff": 1}}', "extra"),
    "nul where nothing is validated": (b'{"name": "a", "extra": {"b": [1, {"c": "\\u0000"}]}}', "extra.b.1.c"),
    "not a number": (b'{"name": "a", "ratio": NaN}', "ratio"),
    "infinity": (b'{"name": "a", "ratio": 1e999}', "ratio"),
    "number beyond 64 bits": (b'{"name": "a", "number": 9223372036854775808}', "number"),
    "deep nesting": (b'{"name": "a", "extra": {"b": ' + b"[" * 500 + b"]" * 500 + b"}}", "extra.b" + ".0" * 30),
}


@pytest.mark.parametrize(("content", "field"), ODD_BODIES.values(), ids=ODD_BODIES)
def test_what_no_database_keeps_is_refused_by_its_field(client, content, field):
    answer = client.post("/api/samples/1", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_field")
    assert [item["field"] for item in answer.json()["details"]] == [field]


def test_text_of_every_language_and_a_joined_pair_pass(client):
    name = "Grüße 日本語 العربية \U0001f600"
    answer = client.post("/api/samples/1", content=json.dumps({"name": name}), headers={"Content-Type": "text/json"})
    assert answer.status_code == 415
    answer = client.post("/api/samples/1", json={"name": name, "number": 2**63 - 1})
    assert answer.json()["sample"]["name"] == name


@pytest.mark.parametrize(("path", "field"), [("/api/samples/a%00b", "place"), ("/api/samples/a?q=%00", "q")])
def test_odd_characters_in_the_address_are_refused_too(client, path, field):
    answer = client.post(path, json={"name": "a"})
    assert answer.status_code == 422
    assert answer.json()["details"][0]["field"] == field


@pytest.mark.parametrize(("title", "file_name", "field"), [("a\0", "b.md", "title"), ("a", "b\0.md", "file")])
def test_odd_characters_in_a_form_or_a_file_name_are_refused_too(client, title, file_name, field):
    lines = [  # by hand: client libraries escape the file's name
        "--x",
        'Content-Disposition: form-data; name="title"',
        "",
        title,
        "--x",
        f'Content-Disposition: form-data; name="file"; filename="{file_name}"',
        "",
        "the file itself may hold \0",
        "--x--",
        "",
    ]
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/api/forms", content="\r\n".join(lines).encode(), headers=headers)
    assert answer.status_code == 422
    assert answer.json()["details"] == [{"field": field, "message": "Must not contain a NUL character."}]


def test_a_router_that_is_included_later_is_guarded_as_well(app):
    inner, outer = APIRouter(prefix="/inner"), APIRouter(prefix="/api/outer")

    @inner.post("")
    def take_anything(document: Annotated[Any, Body()]) -> None: ...

    outer.include_router(inner)
    app.include_router(outer)
    assert TestClient(app).post("/api/outer/inner", json={"a": "\0"}).status_code == 422
    assert TestClient(app).post("/api/outer/inner", json={"a": "b"}).status_code == 200


# --- what the database refuses


def test_a_duplicate_is_a_conflict(app, sessions: Sessions):
    @app.post("/api/queues")
    def create_queue() -> None:
        with transaction(sessions) as session:
            session.add(Queue(team="support_tier1", name="Again"))

    answer = TestClient(app).post("/api/queues")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "support_tier1" not in answer.text


def test_a_row_that_changed_meanwhile_is_stale(app, sessions: Sessions):
    with transaction(sessions) as session:
        session.add(Customer(name="Ann"))

    @app.post("/api/customers")
    def rename_customer() -> None:
        with transaction(sessions) as session:
            customer = session.scalars(select(Customer)).one()
            session.execute(
                update(Customer).values(version=Customer.version + 1).execution_options(synchronize_session=False)
            )
            customer.name = "Anna"

    answer = TestClient(app).post("/api/customers")
    assert (answer.status_code, answer.json()["code"]) == (412, "stale")


@pytest.mark.parametrize("statement", ["SELECT :value", "SELECT CAST(:value AS INTEGER)"])
@pytest.mark.parametrize("value", ["\0", "\ud800", 2**70, "9" * 400], ids=["nul", "surrogate", "number", "digits"])
def test_a_value_that_slipped_through_to_the_database_is_not_our_failure(app, sessions: Sessions, statement, value):
    @app.get("/api/slips")
    def slip() -> None:
        with sessions.read() as session:
            session.execute(text(statement), {"value": value}).all()

    assert TestClient(app).get("/api/slips").status_code in (200, 422)


def test_a_value_that_sqlalchemy_cannot_hand_over_is_422_and_a_wrong_statement_is_500(app, sessions: Sessions):
    @app.get("/api/naive")
    def naive() -> None:
        with sessions.read() as session:
            session.scalars(select(Queue).where(Queue.created_at > datetime(2026, 1, 1))).all()  # noqa: DTZ001

    @app.get("/api/unbound")
    def unbound() -> None:
        with sessions.read() as session:
            session.execute(text("SELECT :value"), {})

    client = TestClient(app)
    assert client.get("/api/naive").status_code == 422
    assert client.get("/api/unbound").status_code == 500


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all.db", "postgresql+psycopg://127.0.0.1:9/clara"])
def test_a_database_that_is_away_is_503_and_says_nothing_about_where_it_is(app, url):
    @app.get("/api/away")
    def away() -> None:
        with Session(create_engine(url)) as session:
            session.execute(text("SELECT 1"))

    answer = TestClient(app).get("/api/away")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert "nowhere" not in answer.text
    assert "127.0.0.1" not in answer.text


def test_a_locked_database_and_an_exhausted_pool_are_503(app, tmp_path):
    holder = sqlite3.connect(tmp_path / "locked.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    engine = create_engine(
        f"sqlite:///{tmp_path / 'locked.db'}",
        pool_size=1,
        max_overflow=0,
        pool_timeout=0.01,
        connect_args={"timeout": 0},
    )

    @app.get("/api/locked")
    def locked() -> None:
        with Session(engine) as session:
            session.execute(text("CREATE TABLE t (a)"))

    @app.get("/api/exhausted")
    def exhausted() -> None:
        with engine.connect(), engine.connect():
            pass

    client = TestClient(app)
    assert client.get("/api/locked").status_code == 503
    assert client.get("/api/exhausted").status_code == 503
    holder.close()


@pytest.mark.parametrize("kind", [sqlite3.OperationalError, psycopg.OperationalError])
def test_a_checkpointer_that_lost_its_database_is_503(app, kind):
    assert raising(app, kind("server closed the connection")).get("/api/raises").status_code == 503


# --- what nobody foresaw


def test_anything_else_is_500_that_tells_the_caller_nothing_and_the_log_everything(app):
    client = raising(app, LookupError("a secret of ours"))
    with capture_logs([merge_contextvars, format_exc_info]) as lines:
        answer = client.get("/api/raises", headers={"X-Request-ID": "request-1"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] == "request-1"
    assert "content-security-policy" in answer.headers
    logged, request = lines
    assert "raise error\nLookupError: a secret of ours" in logged["exception"]
    assert logged["request_id"] == request["request_id"] == "request-1"
    assert request["status"] == 500


def test_a_failure_in_the_middle_of_an_answer_breaks_it_off_and_is_logged(app):
    @app.get("/api/breaks")
    def breaks() -> StreamingResponse:
        def chunks() -> Iterator[bytes]:
            yield b"half"
            raise LookupError("in the middle")

        return StreamingResponse(chunks())

    with capture_logs() as lines, pytest.raises(LookupError):
        TestClient(app).get("/api/breaks")
    assert [line["event"] for line in lines] == ["unhandled_error", "request"]


# --- no 500 for any input

ODD_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | ODD_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ODD_TEXT, inner, max_size=4),
    max_leaves=12,
)
NESTED = st.integers(1, 3_000).map(lambda depth: b'{"extra":{"a":' + b"[" * depth + b"]" * depth + b"}}")
FIELDS = st.dictionaries(st.sampled_from([*Sample.model_fields, "other"]), VALUES)
BODIES = (
    (FIELDS | VALUES).map(lambda value: json.dumps(value).encode())
    | FIELDS.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass"))
    | NESTED
    | st.binary(max_size=200)
)
KINDS_OF_CONTENT = st.sampled_from(
    ["application/json", "application/problem+json", "text/json", "text/plain", "multipart/form-data; boundary=x", ""]
) | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)


@given(
    body=BODIES,
    kind=KINDS_OF_CONTENT,
    path=st.sampled_from(["samples/1", "samples/%00", "samples/%ff?q=%ed%a0%80", "forms"]),
)
@hypothesis_settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_whatever_gives_a_server_error(client, body, kind, path):
    answer = client.post(f"/api/{path}", content=body, headers={"Content-Type": kind})
    assert answer.status_code in (200, 400, 415, 422)
    if answer.status_code != 200:
        assert set(answer.json()) <= {"code", "message", "details"}
