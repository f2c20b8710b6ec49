from graph.diagram import FILE, page


def test_the_drawn_graph_is_the_one_that_runs():
    """`python -m graph.diagram` writes it anew."""
    assert FILE.read_text(encoding="utf-8") == page()
