"""A real browser before a real server; skipped where the web application is not built or there is no browser."""

import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from settings import PROJECT, WEB_DIST, Settings
from tests.conftest import Templates
from tests.serving import Server, serving

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 20_000
AXE = PROJECT / "web" / "node_modules" / "axe-core" / "axe.min.js"
FAILED_REQUEST = re.compile(
    r"^Failed to load resource: (net::ERR_(INTERNET_DISCONNECTED|FAILED)|.* status of 4(01|29))"
)
"""What the browser itself writes of requests that tests make fail: no network, an expired token, too many."""

OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def home(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation that can answer, on SQLite."""
    return templates.copy("sqlite", with_knowledge=True, home=tmp_path_factory.mktemp("web") / "home")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not (WEB_DIST / "index.html").exists():
        pytest.skip("web/dist/index.html is not built: run `make setup`")
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the path")
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MS)
        launched = playwright.chromium.launch(executable_path=executable, args=SWITCHES)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def server(browser: Browser, home: Settings) -> Iterator[Server]:
    with serving(home) as running:
        yield running


@pytest.fixture
def open_page(browser: Browser, server: Server) -> Iterator[OpenPage]:
    """Opens a page as a new visitor. At the end no page may have complained on its console, or raised."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not FAILED_REQUEST.search(message.text):
            complaints.append(f"{message.type}: {message.text}")

    def visit(path: str = "/", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(f"raised: {error}"))
        page.goto(server.url + path)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def violations() -> Callable[[Page], list[str]]:
    """What axe-core finds wrong on a page; evaluated, because the page's policy forbids inline scripts."""

    def find(page: Page) -> list[str]:
        if not AXE.exists():
            pytest.skip("axe-core is not installed: run `npm ci` in web/")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run().then(result => result.violations)")
        return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]

    return find
