"""Real `clara` processes for tests: a command that ends, and a server."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from settings import PROJECT, Settings

STARTED = re.compile(r"Clara is at (http://\S+)")
PATIENCE = 60


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """What a process needs to work on the installation that `settings` names."""
    given = {"CLARA_HOME": str(settings.home), "CLARA_BCRYPT_COST": "4", "CLARA_LOG_LEVEL": "warning"}
    if settings.database_url:
        given["CLARA_DATABASE_URL"] = settings.database_url
    return {name: value for name, value in os.environ.items() if not name.startswith("CLARA_")} | given | more


def run_clara(
    settings: Settings, *arguments: str, input_text: str | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a command on the installation; the caller looks at its exit code."""
    return subprocess.run(
        [sys.executable, "-m", "clara", *arguments], cwd=PROJECT, env=environment(settings, **more), input=input_text,
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Server:
    url: str
    process: subprocess.Popen[str]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def serving(settings: Settings, *options: str, **more: str) -> Iterator[Server]:
    """Serve on a free port; the process is gone at the end whatever happened."""
    process = subprocess.Popen(
        [sys.executable, "-m", "clara", "serve", "--port", "0", *options],
        cwd=PROJECT, env=environment(settings, **more), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield Server(_wait_for_url(process), process)
    finally:
        process.kill()
        process.communicate()


def _wait_for_url(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if found := STARTED.search(line):
            return found[1]
    raise AssertionError("the server did not start:\n" + "".join(said))
