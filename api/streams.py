"""Server-sent events: how one looks on the wire, and streams that say that they live and when they end."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

OPENED = b": open\n\n"
"""What a source yields first, once nothing it is about can be missed any more."""
KEEP_ALIVE_SECONDS = 15.0
"""After so much silence a comment is sent: proxies close connections that say nothing."""


def sse(event: str, data: Any) -> bytes:
    return format_sse_event(event=event, data_str=json.dumps(data, ensure_ascii=False))


def event_stream(request: Request, source: AsyncGenerator[bytes]) -> StreamingResponse:
    """An open-ended stream of what `source` yields; when that ends, so does the stream, with an `end` event."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the latter: nginx must not collect
    events = _counted(request, _kept_alive(source))
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _counted(request: Request, events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    with request.app.state.metrics.open_streams.track_inprogress():
        async for event in events:
            yield event


async def _kept_alive(source: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    pending = asyncio.ensure_future(anext(source, None))
    try:
        while True:
            done, _ = await asyncio.wait({pending}, timeout=KEEP_ALIVE_SECONDS)
            if not done:
                yield b": still here\n\n"
                continue
            event = pending.result()
            if event is None:
                break
            yield event
            pending = asyncio.ensure_future(anext(source, None))
        yield sse("end", {})
    finally:
        pending.cancel()
        with suppress(asyncio.CancelledError):
            await pending
        await source.aclose()
