"""Every figure against values worked out by hand."""

import numpy as np
import pytest

from evals.measures import (
    Operating,
    at_threshold,
    auroc,
    coverage_at_precision,
    expected_calibration_error,
    held_out_logistic,
    hit_at,
    operating_points,
    recall_at,
    reciprocal_rank,
    reliability_bins,
    share,
    squared_errors,
)

NOTHING = np.array([], float), np.array([], bool)


def truth(marks: str):
    """`+-+` → right, wrong, right."""
    return np.array([mark == "+" for mark in marks], bool)


def test_calibration_error_weighs_bins_by_their_size():
    # 0.1..0.2 holds two that say 0.125 and are right by half; 0.9..1 one that says 0.95 and is right
    found = expected_calibration_error(np.array([0.10, 0.15, 0.95]), truth("-++"))
    assert found == pytest.approx((2 * 0.375 + 1 * 0.05) / 3)


def test_certainty_belongs_to_the_last_bin():
    (only,) = reliability_bins(np.array([1.0]), truth("+"))
    assert (only.low, only.high, only.count, only.stated, only.right) == (0.9, 1.0, 1, 1.0, 1.0)


def test_brier_is_the_mean_of_squared_errors():
    assert squared_errors(np.array([1.0, 0.5, 0.2]), truth("++-")).tolist() == pytest.approx([0, 0.25, 0.04])


@pytest.mark.parametrize(
    ("scores", "positive", "wanted"),
    [
        ([0.9, 0.8, 0.7, 0.6], "+-+-", 3 / 4),  # only 0.7 against 0.8 is the wrong way round
        ([0.5, 0.5, 0.1], "+--", (0.5 + 1) / 2),  # a tie counts half
        ([0.1, 0.9], "+-", 0),
        ([0.3, 0.3, 0.3, 0.3], "++--", 0.5),
        ([0.3, 0.4], "++", 0.5),  # nothing to tell apart
    ],
)
def test_auroc_is_the_chance_of_the_right_order(scores, positive, wanted):
    assert auroc(np.array(scores), truth(positive)) == pytest.approx(wanted)


def test_operating_points_take_ties_together():
    points = operating_points(np.array([0.8, 0.9, 0.7, 0.8]), truth("-+++"), answerable=4)
    assert points == [
        Operating(0.9, 1, 1 / 4),
        Operating(0.8, 2 / 3, 2 / 4),
        Operating(0.7, 3 / 4, 3 / 4),
    ]


@pytest.mark.parametrize(("precision", "coverage"), [(0.95, 1 / 4), (0.75, 3 / 4), (0.7, 3 / 4)])
def test_coverage_at_a_precision_is_the_best_threshold_s(precision, coverage):
    scores, right = np.array([0.8, 0.9, 0.7, 0.8]), truth("-+++")
    assert coverage_at_precision(scores, right, 4, precision) == coverage


def test_no_threshold_is_precise_enough():
    assert coverage_at_precision(np.array([0.9, 0.8]), truth("-+"), 2) == 0


def test_a_held_out_fit_has_not_seen_the_group():
    scores = np.array([0.1, 0.2, 0.8, 0.9, 0.15, 0.85, 0.3, 0.7])
    groups = ["a", "a", "a", "a", "b", "b", "c", "c"]
    given = held_out_logistic(scores, truth("--++-+-+"), groups)
    assert (given > 0.5).tolist() == [False, False, True, True, False, True, False, True]
    turned = held_out_logistic(scores, truth("--+++--+"), groups)  # the labels of b, the other way round
    assert turned[4:6].tolist() == pytest.approx(given[4:6].tolist())
    assert turned[:4].tolist() != pytest.approx(given[:4].tolist())


def test_where_the_others_are_all_alike_their_smoothed_share_stands_for_the_fit():
    given = held_out_logistic(np.array([0.5, 0.6, 0.1, 0.2, 0.3]), truth("++---"), ["a", "a", "b", "b", "b"])
    assert given.tolist() == pytest.approx([1 / 5, 1 / 5, 3 / 4, 3 / 4, 3 / 4])


def test_one_group_leaves_nothing_to_fit_on():
    assert held_out_logistic(np.array([0.5, 0.6]), truth("+-"), ["a", "a"]).tolist() == [0.5, 0.5]


def test_ranks():
    ranked, gold = ["a", "b", "c", "d"], frozenset("cdx")
    assert [hit_at(ranked, gold, k) for k in (1, 2, 3)] == [0, 0, 1]
    assert recall_at(ranked, gold, 3) == 1 / 3
    assert recall_at(ranked, gold, 4) == 2 / 3
    assert recall_at(ranked, gold, 2) == 0
    assert recall_at(["c"], gold, 1) == 1  # only one can be shown
    assert reciprocal_rank(ranked, gold, 10) == 1 / 3
    assert reciprocal_rank(ranked, gold, 2) == 0


def test_nothing_measured():
    assert expected_calibration_error(*NOTHING) == 0
    assert at_threshold(*NOTHING, 0.5).precision == 1
    assert operating_points(*NOTHING, 0) == []
    assert coverage_at_precision(*NOTHING, 0) == 0
    assert share(truth("+-"), truth("--")) == 1
    assert share(truth("+-"), truth("++")) == 0.5
