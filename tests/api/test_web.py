import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.health import Metrics
from api.middleware import shell
from api.problems import HANDLERS
from api.web import NONCE_PLACEHOLDER, web_router
from settings import Settings

INDEX = f'<!doctype html><meta property="csp-nonce" nonce="{NONCE_PLACEHOLDER}"><div id="root"></div>'


@pytest.fixture
def dist(tmp_path):
    return tmp_path / "web" / "dist"


@pytest.fixture
def client(dist, tmp_path):
    settings = Settings(home=tmp_path, _env_file=None)
    app = FastAPI(middleware=shell(settings, Metrics()), exception_handlers=HANDLERS)
    app.include_router(web_router(dist))
    return TestClient(app)


@pytest.fixture
def built(dist):
    (dist / "assets" / "deep").mkdir(parents=True)
    (dist / "index.html").write_text(INDEX, encoding="utf-8")
    (dist / "widget.js").write_text("widget()", encoding="utf-8")
    (dist / "assets" / "index-4f3a.js").write_text("start()", encoding="utf-8")
    (dist / "assets" / "deep" / "font.woff2").write_bytes(b"font")
    (dist.parent / "secret.txt").write_text("not for you", encoding="utf-8")


@pytest.mark.parametrize("path", ["/", "/index.html", "/app", "/app/", "/app/tickets/17", "/app/kb/some-article"])
def test_customers_and_staff_get_the_web_application(client, built, path):
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert '<div id="root">' in answer.text


def test_each_page_has_a_style_nonce_of_its_own_that_its_policy_names(client, built):
    nonces = set()
    for _ in range(3):
        answer = client.get("/")
        (nonce,) = re.findall(r'nonce="([^"]+)"', answer.text)
        assert f"style-src 'self' 'nonce-{nonce}'" in answer.headers["content-security-policy"]
        nonces.add(nonce)
    assert len(nonces) == 3
    assert NONCE_PLACEHOLDER not in nonces


@pytest.mark.parametrize(("path", "content"), [("index-4f3a.js", b"start()"), ("deep/font.woff2", b"font")])
def test_assets_may_be_kept_for_a_year(client, built, path, content):
    answer = client.get(f"/assets/{path}")
    assert answer.content == content
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_other_files_are_asked_for_again_and_not_sent_again(client, built):
    answer = client.get("/widget.js")
    assert (answer.text, answer.headers["cache-control"]) == ("widget()", "no-cache")
    again = client.get("/widget.js", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_head_says_what_get_would(client, built):
    for path in ("/", "/widget.js", "/assets/index-4f3a.js"):
        assert client.head(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/nothing",
        "/api",
        "/nothing.js",
        "/assets/index-old.js",
        "/assets/",
        "/assets",
        "/assets/..%2f..%2fsecret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%00",
        "/" + "a" * 5_000,
    ],
)
@pytest.mark.parametrize("is_built", [True, False])
def test_what_is_not_there_is_404_in_json_and_not_kept(client, request, path, is_built):
    if is_built:
        request.getfixturevalue("built")
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "immutable" not in answer.headers.get("cache-control", "")


def test_a_web_application_that_was_not_built_says_how_to_build_it(client):
    answer = client.get("/app")
    assert answer.status_code == 503
    assert "make setup" in answer.text


def test_it_may_be_built_while_the_server_runs(client, request):
    assert client.get("/").status_code == 503
    request.getfixturevalue("built")
    assert client.get("/").status_code == 200


# --- the assembled application


@pytest.fixture
def assembled(tmp_path):
    return TestClient(create_app(Settings(home=tmp_path, _env_file=None)))


def test_the_docs_list_every_operation_without_script_or_another_host(assembled):
    answer = assembled.get("/docs")
    assert answer.status_code == 200
    for path in assembled.get("/openapi.json").json()["paths"]:
        assert path in answer.text
    assert "/openapi.json" in answer.text
    assert "<script" not in answer.text
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", answer.text)


def test_operations_are_named_as_their_functions_and_document_the_error_body(assembled):
    schema = assembled.get("/openapi.json").json()
    assert schema["info"]["title"] == "Clara"
    operations = [operation for path in schema["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert {"healthz", "readyz", "metrics"} <= set(names)
    assert len(names) == len(set(names))
    for operation in operations:
        contents = operation["responses"]["4XX"]["content"]
        reference = next(iter(contents.values()))["schema"]["$ref"]
        assert reference == "#/components/schemas/Problem"
    assert "HTTPValidationError" not in schema["components"]["schemas"]
