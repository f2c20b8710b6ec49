"""The house: who may import whom, what an answer may load, and that nothing is decided at import time."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from settings import PROJECT

FLOORS = ["settings", "errors", "memory", "tools", "agents", "graph", "api"]
"""Lowest first; each may import what stands before it."""


def imports_of(file: Path) -> set[str]:
    """The top-level names that the file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("floor", FLOORS)
def test_a_layer_imports_nothing_above_it(floor):
    above = {*FLOORS[FLOORS.index(floor) + 1 :], "evals", "clara"}
    files = [PROJECT / f"{floor}.py"] if (PROJECT / f"{floor}.py").exists() else (PROJECT / floor).rglob("*.py")
    wrong = {str(file.relative_to(PROJECT)): names for file in files if (names := imports_of(file) & above)}
    assert wrong == {}


def test_help_centre_holds_no_code():
    assert not list((PROJECT / "kb_data").rglob("*.py"))


def test_importing_the_application_opens_nothing(tmp_path):
    """No file, connection or model before something is assembled."""
    code = "import api.app, graph.run, clara, os; print(sorted(os.listdir('.')))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(PROJECT), "PATH": ""},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
