"""The web application's own idea of the API."""

import json
from typing import Any

from api.app import create_app
from settings import PROJECT, Settings

CHAT = "/api/chat/"


def part_of(schema: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The paths that begin with `prefix`, and every schema that they lead to."""
    paths = {path: operations for path, operations in schema["paths"].items() if path.startswith(prefix)}
    found: dict[str, Any] = {}
    waiting = references(paths)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = schema["components"]["schemas"][name]
            waiting |= references(found[name])
    return {"paths": paths, "schemas": found}


def references(node: Any) -> set[str]:
    """Names of the component schemas that `node` refers to."""
    if isinstance(node, list):
        return set().union(*map(references, node))
    if not isinstance(node, dict):
        return set()
    named = {node["$ref"].rsplit("/", 1)[1]} if "$ref" in node else set()
    return named.union(*map(references, node.values()))


def test_the_web_applications_types_are_those_of_the_chat(tmp_path):
    kept = json.loads((PROJECT / "web" / "openapi.json").read_text(encoding="utf-8"))
    current = create_app(Settings(home=tmp_path, _env_file=None)).openapi()
    assert part_of(current, CHAT)["paths"]
    assert part_of(kept, CHAT) == part_of(current, CHAT), (
        "the API of the chat has changed: save a running server's /openapi.json as web/openapi.json, "
        "then run `npm run client` in web/"
    )
