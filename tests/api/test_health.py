import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from api.app import create_app
from api.health import Metrics, database_check
from memory.database import open_sessions, transaction
from settings import Settings


def test_a_running_process_says_so_whatever_else_is_missing(tmp_path):
    client = TestClient(create_app(Settings(home=tmp_path, _env_file=None)))  # not even started
    assert client.get("/healthz").json() == {"status": "ok"}


def test_ready_when_every_check_is_content(client):
    client.app.state.readiness = {**client.app.state.readiness, "index": lambda: None}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ready", "checks": {"database": "ok", "index": "ok"}},
    )


def test_not_ready_with_a_reason_for_each_failed_check(client):
    client.app.state.readiness = {
        **client.app.state.readiness,
        "index": lambda: "There is no index.",
        "mail": lambda: "No answer.",
    }
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["details"] == {"index": "There is no index.", "mail": "No answer."}
    assert int(answer.headers["retry-after"]) >= 1


def test_not_ready_while_the_schema_is_an_older_one(client):
    with transaction(client.app.state.sessions) as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "clara migrate" in answer.json()["details"]["database"]


def test_not_ready_on_a_database_that_was_never_migrated(tmp_path):
    sessions = open_sessions(Settings(home=tmp_path, _env_file=None))
    assert "clara migrate" in str(database_check(sessions)())
    sessions.engine.dispose()


@pytest.mark.parametrize("url", [None, "postgresql://clara:hunter2@127.0.0.1:9/clara"])
def test_not_ready_while_the_database_is_away_without_saying_where_it_is(tmp_path, url):
    (tmp_path / "clara.db").mkdir()  # where SQLite's file should be
    reason = database_check(open_sessions(Settings(home=tmp_path, database_url=url, _env_file=None)))()
    assert reason == "The database cannot be reached."


def test_being_asked_does_not_wait_for_a_writer(client):
    with transaction(client.app.state.sessions) as session:
        session.execute(text("UPDATE queues SET name = name"))
        assert client.get("/readyz").status_code == 200


def samples(client: TestClient) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_requests_are_counted_by_route_and_status(client):
    for _ in range(3):
        client.get("/healthz")
    client.get("/api/no/such/thing")
    client.get("/api/no/other/thing")
    counted = samples(client)
    assert counted['clara_requests_total{method="GET",route="/healthz",status="200"}'] == 3
    assert counted['clara_requests_total{method="GET",route="unmatched",status="404"}'] == 2
    assert counted['clara_request_seconds_count{method="GET",route="/healthz"}'] == 3


def test_methods_that_anyone_can_invent_share_one_label(client):
    for method in ("BREW", "WHEN", "PROPFIND"):
        client.request(method, "/healthz")
    assert samples(client)['clara_requests_total{method="OTHER",route="/healthz",status="405"}'] == 3


def test_turns_and_open_streams_are_shown(client):
    metrics: Metrics = client.app.state.metrics
    metrics.turns.labels("answered").inc()
    with metrics.open_streams.track_inprogress():
        counted = samples(client)
    assert counted['clara_turns_total{outcome="answered"}'] == 1
    assert counted["clara_open_streams"] == 1
    assert samples(client)["clara_open_streams"] == 0


def test_two_applications_count_apart(tmp_path):
    first, second = (TestClient(create_app(Settings(home=tmp_path, _env_file=None))) for _ in range(2))
    first.get("/healthz")
    assert 'clara_requests_total{method="GET",route="/healthz",status="200"}' not in samples(second)
