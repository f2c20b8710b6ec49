"""Differences between two runs, with intervals that can be worked out by hand."""

import json

import numpy as np
import pytest

from evals.compare import NotResults, as_table, bootstrap_interval, compare, paired, read_results

NAN = np.nan


def run(suite: str, figures: dict, **cases: dict) -> dict:
    rows = [{"id": name, "figures": values} for name, values in cases.items()]
    return {"suites": {suite: {"figures": figures, "cases": rows}}}


def test_a_difference_in_every_case_is_real():
    assert bootstrap_interval(np.zeros(5), np.ones(5)) == (1, 1)


def test_no_difference_has_no_width():
    values = np.array([0.0, 1.0, 1.0])
    assert bootstrap_interval(values, values) == (0, 0)


def test_the_interval_is_of_pairs():
    # two draws of the differences 1 and 0: their mean is 0, 1/2 or 1 with chances 1/4, 1/2, 1/4
    assert bootstrap_interval(np.array([0.0, 0.0]), np.array([1.0, 0.0])) == (0, 1)


def test_a_mean_over_a_part_is_drawn_with_its_part_of_each_run():
    # only a draw of both cases once gives both runs a value, and then the difference is 1
    assert bootstrap_interval(np.array([0.0, NAN]), np.array([NAN, 1.0])) == (1, 1)


def test_without_values_in_one_run_there_is_no_interval():
    assert bootstrap_interval(np.array([NAN]), np.array([1.0])) is None
    assert bootstrap_interval(np.array([]), np.array([])) is None


def test_cases_are_paired_by_id():
    old = [{"id": "a", "figures": {"x": 1}}, {"id": "b", "figures": {"x": 0}}, {"id": "c", "figures": {}}]
    new = [{"id": "b", "figures": {"x": 1}}, {"id": "d", "figures": {"x": 1}}, {"id": "c", "figures": {}}]
    before, after = paired(old, new, "x")
    assert (before.tolist(), after.tolist()) == ([0], [1])


@pytest.mark.parametrize(
    ("figure", "verdict"), [("coverage", "better"), ("brier", "worse"), ("false_answers", "worse")]
)
def test_what_is_better_depends_on_the_figure(figure, verdict):
    old = run("answers", {figure: 0.0, "questions": 2}, a={figure: 0}, b={figure: 0})
    new = run("answers", {figure: 1.0, "questions": 2}, a={figure: 1}, b={figure: 1})
    (found,) = compare(old, new)
    assert (found.verdict, found.old, found.new, found.interval, found.cases) == (verdict, 0, 1, (1, 1), 2)


def test_figures_that_are_no_means_are_shown_without_a_verdict():
    (found,) = compare(run("confidence", {"ece": 0.2}), run("confidence", {"ece": 0.1}))
    assert (found.verdict, found.interval, found.as_json()["difference"]) == ("", None, -0.1)
    assert "-0.100" in as_table([found])


def test_only_what_both_runs_have_is_compared():
    old = {"suites": run("answers", {"coverage": 1})["suites"] | run("retrieval", {"mrr": 1})["suites"]}
    assert list(compare(old, run("conversations", {"right": 1}))) == []
    assert [each.suite for each in compare(old, run("retrieval", {"mrr": 1, "more": 1}))] == ["retrieval"]


def test_results_are_read_from_a_file_or_its_folder(tmp_path):
    document = run("answers", {"coverage": 1})
    (tmp_path / "results.json").write_text(json.dumps(document))
    assert read_results(tmp_path) == read_results(tmp_path / "results.json") == document


@pytest.mark.parametrize("content", [None, "{", "[]", '{"suites": []}', '"suites"'])
def test_other_files_are_refused(tmp_path, content):
    file = tmp_path / "other.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(NotResults, match=r"other\.json"):
        read_results(file)
