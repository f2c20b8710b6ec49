"""Where passwords are hashed: a few threads of their own, so that neither the loop nor other requests wait for it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from errors import TooManyRequests

THREADS = 2
WAITING = 32
"""Hashes that may be under way or in line; at cost 12 the last one's turn comes in about four seconds."""
RETRY_AFTER = 5
"""Seconds."""

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class HashingPool:
    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._under_way = 0

    async def run(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Call from the event loop only. Raises TooManyRequests when too many wait already."""
        if self._under_way >= WAITING:
            raise TooManyRequests("Too many are signing in; please wait a little.", retry_after=RETRY_AFTER)
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
        finally:
            self._under_way -= 1

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
