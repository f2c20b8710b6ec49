"""Writes `docs/graph.md` from the graph itself: `python -m graph.diagram`. A test compares the two."""

from graph.support import build_support_graph
from settings import PROJECT

FILE = PROJECT / "docs" / "graph.md"


def page() -> str:
    mermaid = build_support_graph(None).get_graph().draw_mermaid()
    return (
        "# A customer's turn\n\n"
        "Generated from `graph/support.py` by `python -m graph.diagram`; do not edit.\n\n"
        f"```mermaid\n{mermaid.strip()}\n```\n"
    )


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
