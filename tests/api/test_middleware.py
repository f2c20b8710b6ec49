import asyncio
import json

import httpx
import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from starlette.types import Message
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from api.app import create_app
from api.middleware import CLIENT_GONE
from settings import Settings

LIMIT, UPLOAD_LIMIT = 1_000, 5_000


@pytest.fixture
def app_settings(tmp_path):
    return Settings(home=tmp_path, body_bytes=LIMIT, upload_bytes=UPLOAD_LIMIT, _env_file=None)


@pytest.fixture
def app(app_settings):
    app = create_app(app_settings)

    @app.get("/api/things/{thing}")
    def get_thing(thing: str) -> dict[str, str]:
        return {"thing": thing}

    @app.post("/api/things")
    async def measure_body(request: Request) -> int:
        return len(await request.body())

    @app.post("/api/kb/import")
    async def measure_upload(request: Request) -> int:
        return len(await request.body())

    return app


@pytest.fixture
def client(app):
    return TestClient(app)


def test_a_sane_request_id_is_kept_and_echoed(client):
    assert client.get("/healthz", headers={"X-Request-ID": "checkout-7f3a"}).headers["x-request-id"] == "checkout-7f3a"


@pytest.mark.parametrize(
    "given", ["", "short", "a" * 129, "spaces are odd", "semi;colons", "<script>alert(1)</script>"]
)
def test_any_other_request_id_is_replaced(client, given):
    answered = client.get("/healthz", headers={"X-Request-ID": given}).headers["x-request-id"]
    assert answered != given
    assert len(answered) == 32


def test_every_request_gets_an_id_of_its_own(client):
    assert len({client.get("/healthz").headers["x-request-id"] for _ in range(5)}) == 5


@pytest.mark.parametrize("path", ["/healthz", "/api/things/1", "/api/nothing/here", "/docs", "/", "/openapi.json"])
def test_security_headers_are_on_every_answer(client, path):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'; script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy  # no other host
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]


@pytest.mark.parametrize(("url", "sent"), [("http://127.0.0.1:8000", False), ("https://help.example", True)])
def test_hsts_is_sent_only_when_customers_use_https(tmp_path, url, sent):
    app = create_app(Settings(home=tmp_path, public_url=url, _env_file=None))
    assert ("strict-transport-security" in TestClient(app).get("/healthz").headers) is sent


def test_answers_of_the_api_are_not_kept_by_caches(client):
    assert client.get("/api/things/1").headers["cache-control"] == "no-store"


def test_a_body_of_the_limit_passes_and_one_byte_more_does_not(client):
    assert client.post("/api/things", content=b"x" * LIMIT).json() == LIMIT
    refused = client.post("/api/things", content=b"x" * (LIMIT + 1))
    assert refused.status_code == 413
    assert refused.json()["code"] == "too_large"


def test_uploads_may_be_larger(client):
    assert client.post("/api/kb/import", content=b"x" * UPLOAD_LIMIT).json() == UPLOAD_LIMIT
    assert client.post("/api/kb/import", content=b"x" * (UPLOAD_LIMIT + 1)).status_code == 413


@pytest.mark.parametrize(("path", "limit"), [("/api/things", LIMIT), ("/api/kb/import", UPLOAD_LIMIT)])
def test_a_body_without_a_length_is_counted_as_it_arrives(client, path, limit):
    assert client.post(path, content=iter([b"x" * 100] * (limit // 100))).json() == limit
    refused = client.post(path, content=iter([b"x" * 100] * (limit // 100 + 1)))
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


@pytest.mark.anyio
async def test_nothing_is_read_of_a_body_whose_announced_length_is_too_large(app):
    async def must_not_be_read() -> Message:
        raise AssertionError("the body was read")

    status, _ = await call(app, [(b"content-length", b"999999")], must_not_be_read)
    assert status == 413


@pytest.mark.anyio
@pytest.mark.parametrize(
    "lengths",
    [[b"ten"], [b"-1"], [b"1e3"], [b""], [b"\xb2"], [b"9" * 5_000], [b"10", b"11"]],
    ids=["word", "negative", "exponent", "empty", "superscript", "endless", "two"],
)
async def test_a_malformed_content_length_is_400(app, lengths):
    async def empty() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    status, body = await call(app, [(b"content-length", length) for length in lengths], empty)
    assert (status, body["code"]) == (400, "malformed")


async def call(app, headers, receive):
    """Status and body that `app` sends for a POST with exactly these headers, which a client library would repair."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/api/things",
        "query_string": b"",
        "headers": headers,
        "server": ("test", 80),
        "client": ("127.0.0.1", 1),
    }
    await app(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


def test_one_log_line_a_request_without_ids_queries_or_addresses(client):
    with capture_logs([merge_contextvars]) as lines:
        client.get("/api/things/ann@example.com?token=s3cret", headers={"X-Request-ID": "request-one"})
    (line,) = lines
    assert line.pop("milliseconds") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "route": "/api/things/{thing}",
        "status": 200,
        "request_id": "request-one",
    }


def test_refused_and_unmatched_requests_are_logged_too(client):
    with capture_logs() as lines:
        client.post("/api/things", content=b"x" * (LIMIT + 1))
        client.get("/api/of/ann@example.com")
        client.request("BREW", "/api/things/1")
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("POST", "unmatched", 413),
        ("GET", "unmatched", 404),
        ("OTHER", "/api/things/{thing}", 405),
    ]


@pytest.mark.anyio
async def test_a_client_that_leaves_before_the_answer_is_logged_as_gone(app):
    async def never() -> Message:
        return await asyncio.Future()

    with capture_logs() as lines:
        answering = asyncio.create_task(call(app, [], never))
        await asyncio.sleep(0.05)
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
    assert [(line["route"], line["status"]) for line in lines] == [("/api/things", CLIENT_GONE)]


@pytest.mark.anyio
async def test_the_shell_works_under_an_async_client_too(app):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/api/things/7")).json() == {"thing": "7"}
