"""The built web application out of `web/dist`."""

import secrets
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from api.middleware import content_security_policy

PAGES = ("/", "/index.html", "/app", "/app/{path:path}")
"""Answered by the web application, which shows what belongs there."""
READ = ["GET", "HEAD"]
IMMUTABLE = "public, max-age=31536000, immutable"
"""A year: names under `/assets` hold a hash of their content."""
NONCE_PLACEHOLDER = "__CSP_NONCE__"
"""Vite's `html.cspNonce`; each answer has a nonce of its own instead."""
NONCE_BYTES = 16

STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 3rem auto; padding: 0 1rem }
td { padding: .15rem 1.5rem .15rem 0; vertical-align: top }
"""
NOT_BUILT = """
<h1>Clara is running</h1>
<p>Its web application has not been built. Run <code>make setup</code> in Clara's folder and load this page again.</p>
<p>The <a href="/docs">API</a> works without it.</p>
"""


def web_router(dist: Path) -> APIRouter:
    """Routes for all that is built into `dist`. Include it last: its last route takes any path of one segment."""
    router = APIRouter(include_in_schema=False)
    files = StaticFiles(directory=dist, check_dir=False)  # may be built while the server runs

    def index() -> HTMLResponse:
        try:
            source = (dist / "index.html").read_text(encoding="utf-8")
        except FileNotFoundError:
            return plain_page("Clara", NOT_BUILT, status=503)
        nonce = secrets.token_urlsafe(NONCE_BYTES)
        return _html(source.replace(NONCE_PLACEHOLDER, nonce), nonce)

    async def asset(path: str, request: Request) -> Response:
        return await read(f"assets/{path}", request, IMMUTABLE)

    async def top_file(name: str, request: Request) -> Response:
        return await read(name, request, "no-cache")

    async def read(path: str, request: Request, caching: str) -> Response:
        response = await files.get_response(path, request.scope)
        response.headers["Cache-Control"] = caching
        return response

    for page in PAGES:
        router.add_api_route(page, index, methods=READ)
    router.add_api_route("/assets/{path:path}", asset, methods=READ)
    router.add_api_route("/{name}", top_file, methods=READ)
    return router


def plain_page(title: str, body: str, status: int = 200) -> HTMLResponse:
    """A page that needs nothing but itself; `title` and `body` are HTML."""
    nonce = secrets.token_urlsafe(NONCE_BYTES)
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f'<style nonce="{nonce}">{STYLE}</style>{body}'
    )
    return _html(page, nonce, status)


def _html(page: str, nonce: str, status: int = 200) -> HTMLResponse:
    """`page`, of which inline styles that carry `nonce` are obeyed; never shown again without asking."""
    policy = content_security_policy(style_nonce=nonce)
    return HTMLResponse(page, status, {"Content-Security-Policy": policy, "Cache-Control": "no-cache"})
