"""A loopback server that speaks Ollama's wire format: `/api/tags`, and `/api/chat` as a stream of JSON lines."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[dict[str, Any]], Iterator[str]]
"""The pieces of text to stream for a request's body; a piece may wait before it is given."""


class OllamaServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.requests: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: OllamaServer

    def do_GET(self) -> None:
        self._json({"models": [{"name": "llama3.1:8b"}]} if self.path == "/api/tags" else {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(body)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.end_headers()
        for piece in self.server.answer(body):
            self._line(body, {"message": {"role": "assistant", "content": piece}, "done": False})
        self._line(body, {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"})

    def _line(self, body: dict[str, Any], more: dict[str, Any]) -> None:
        line = {"model": body["model"], "created_at": "2026-01-01T00:00:00Z", **more}
        try:
            self.wfile.write(json.dumps(line).encode() + b"\n")
            self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):  # the client has given up, which is a test of its own
            pass

    def _json(self, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the library's name
        """Tests read no access log."""


@contextmanager
def ollama(answer: Answer) -> Iterator[OllamaServer]:
    server = OllamaServer(answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def in_pieces(text: str, size: int = 7) -> Iterator[str]:
    """The text as a model would stream it."""
    for start in range(0, len(text), size):
        yield text[start : start + size]


def slowly(text: str, seconds: float) -> Iterator[str]:
    yield text[:10]
    time.sleep(seconds)
    yield text[10:]
