"""`langgraph.json`: LangGraph's own tools load each graph by its path, and it takes a turn."""

import importlib.util
import json

import pytest

from settings import PROJECT

GRAPHS = json.loads((PROJECT / "langgraph.json").read_text(encoding="utf-8"))["graphs"]


def load(place: str):
    """The factory at `./file.py:name`, as LangGraph's server loads it."""
    file, _, name = place.partition(":")
    spec = importlib.util.spec_from_file_location("loaded_by_langgraph", PROJECT / file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


@pytest.mark.anyio
@pytest.mark.parametrize("name", GRAPHS)
async def test_each_graph_is_built_from_the_file_and_takes_a_turn(ready, monkeypatch, name):
    monkeypatch.setenv("CLARA_HOME", str(ready.home))
    if ready.database_url:
        monkeypatch.setenv("CLARA_DATABASE_URL", ready.database_url)
    async with load(GRAPHS[name])() as graph:
        first = await graph.ainvoke({"text": "How do I reset my password?"})
        second = await graph.ainvoke({"text": "thanks", "conversation_id": first["conversation_id"]})
    assert first["reply"]["citations"]
    assert second["reply"]["outcome"] == "smalltalk"
    assert second["conversation_id"] == first["conversation_id"]
