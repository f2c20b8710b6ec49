"""What is learnt from held-out messages: folds by author, the temperature, and what the unknown looks like."""

import csv

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from agents.classifier import OUT_OF_SCOPE
from agents.cross_fitting import (
    ABSENT,
    ENOUGH_ALIENS,
    FOLDS,
    FOLDS_OF_MANY,
    MANY,
    HeldOut,
    cross_fit,
    examples_of,
    fit_strangeness,
    fit_temperature,
    folds_of,
    trial_folds,
)  # fmt: skip
from agents.regression import see
from agents.training import LabelledMessage, fit_head, main, read_labelled, train_on
from tests.agents.messages import labelled_messages


def held_out(scores, truth, closeness=None):
    scores = np.array(scores, dtype=float)
    closeness = np.zeros(len(truth)) if closeness is None else np.array(closeness)
    return HeldOut(np.arange(len(truth)), scores, np.array(truth), closeness)


def test_folds_leave_out_whole_authors():
    labels = np.array(["a", "b"] * 10)
    authors = [f"author {n // 2}" for n in range(20)]
    folds = folds_of(labels, authors)
    assert len(folds) == FOLDS
    assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(20))
    for train, test in folds:
        assert {authors[n] for n in train}.isdisjoint(authors[n] for n in test)


def test_folds_without_authors_hold_a_fifth_of_every_label():
    labels = np.array(["a"] * 10 + ["b"] * 5)
    for _, test in folds_of(labels, [""] * 15):
        assert labels[test].tolist().count("a") == 2
        assert labels[test].tolist().count("b") == 1


@pytest.mark.parametrize("labels", [["a", "a", "b", "b"], ["a"] * 9 + ["b"], ["a", "b", "c", "d", "e", "f"]])
def test_rare_labels_are_shared_out_among_the_folds(labels):
    folds = folds_of(np.array(labels), [""] * len(labels))
    assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(len(labels)))


def test_of_many_messages_fewer_folds_are_judged():
    labels = np.array(["a", "b"] * (MANY // 2 + 1))
    assert len(folds_of(labels, [""] * len(labels))) == FOLDS_OF_MANY


def test_trials_withhold_intents_and_judge_them_as_foreign():
    intents = np.array([f"intent {n % 6}" for n in range(30)])
    folds = folds_of(intents, [""] * 30)
    trials = trial_folds(intents, folds)
    assert len(trials) == len(folds)
    withheld = [set(intents.tolist()) - set(intents[train].tolist()) for train, _ in trials]
    assert set().union(*withheld) == set(intents.tolist())
    for gone, (train, test) in zip(withheld, trials, strict=True):
        assert set(train.tolist()).isdisjoint(test.tolist())
        assert {n for n in range(30) if intents[n] in gone} <= set(test.tolist())


def test_no_trials_with_enough_foreign_messages_or_too_few_intents():
    many = np.array([f"intent {n % 6}" for n in range(30)] + [OUT_OF_SCOPE] * ENOUGH_ALIENS)
    few = np.array(["a", "b"] * 10)
    assert trial_folds(many, folds_of(many, [""] * len(many))) == []
    assert trial_folds(few, folds_of(few, [""] * len(few))) == []


def test_a_fold_without_a_label_gives_it_no_score():
    table = csr_matrix(np.eye(6))
    labels = np.array(["a", "b", "c", "a", "b", "c"])
    judged = cross_fit(see(table, 6), None, labels, np.unique(labels), [(np.array([0, 1, 3]), np.array([2, 4]))])
    assert judged.rows.tolist() == [2, 4]
    assert judged.truth.tolist() == [-1, 1]  # it knows no c
    assert (judged.scores[:, 2] == ABSENT).all()


def test_folds_that_can_teach_nothing_are_left_out():
    labels = np.array(["a", "b"])
    judged = cross_fit(see(csr_matrix(np.eye(2)), 2), None, labels, labels, [(np.array([0]), np.array([1]))])
    assert len(judged.rows) == 0
    assert fit_temperature(judged) == 1.0
    assert fit_strangeness(judged, None, labels) is None


def test_the_temperature_makes_stated_and_found_shares_equal():
    """Score differences of 4 of which three in four are right: the divisor is 4 / ln 3, the odds being 3 to 1."""
    temperature = fit_temperature(held_out([[4, 0]] * 8, [0] * 6 + [1] * 2))
    assert temperature == pytest.approx(4 / np.log(3), rel=1e-3)


def test_strangeness_rises_where_held_out_foreign_messages_are():
    labels = np.array(["a", "b", OUT_OF_SCOPE])
    judged = held_out([[5, 0, -5], [0, 5, -5], [-3, -3, 4], [-2, -3, 5]], [0, 1, 2, 2], [0.9, 0.8, 0.1, 0.2])
    strangeness = fit_strangeness(judged, None, labels)
    assert strangeness is not None
    assert strangeness.weights[0] < 0 < strangeness.weights[2]
    assert strangeness.weights[1] < 0


def test_examples_are_spread_over_the_known_intents(monkeypatch):
    monkeypatch.setattr("agents.cross_fitting.EXAMPLES", 4)
    intents = np.array(["a"] * 10 + ["b"] * 1 + [OUT_OF_SCOPE] * 5)
    vectors = np.arange(16.0).reshape(16, 1)
    kept = examples_of(vectors, intents)[:, 0].tolist()
    assert len([n for n in kept if n < 10]) == 2
    assert 10 in kept
    assert max(kept) == 10


def test_one_label_makes_a_head_that_always_gives_it():
    head = fit_head(see(csr_matrix(np.eye(3)), 2), np.array(["low"] * 3), [""] * 3)
    assert head.labels == ["low"]
    assert head.probabilities(head.scores(np.ones(2), np.array([0]), np.ones(1))).tolist() == [1.0]


@pytest.mark.parametrize("each", [2, 3])
def test_two_messages_a_label_are_enough_to_train(encoder, tmp_path, each):
    messages = [
        LabelledMessage(text, intent, "general", "low")
        for intent, texts in (("fruit", ["an apple", "a pear", "plums"]), ("tools", ["a hammer", "a saw", "pliers"]))
        for text in texts[:each]
    ]
    classifier = train_on(messages, encoder, tmp_path / "classifier", digest="")
    assert classifier.likeliest("apples and pears", encoder.encode(["apples and pears"])[0])[0] == "fruit"


def test_training_replaces_a_folder_in_one_step(encoder, tmp_path):
    folder = tmp_path / "classifier"
    train_on(labelled_messages(), encoder, folder, digest="one")
    train_on(labelled_messages(), encoder, folder, digest="two")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["classifier"]
    assert sorted(file.name for file in folder.iterdir()) == ["classifier.json", "classifier.npz"]


def test_shipped_columns_are_read(tmp_path):
    file = tmp_path / "messages.csv"
    with file.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(["id", "text", "intent", "category", "priority", "batch"])
        writer.writerow(["1", 'Hé, "quoted"', "a", "general", "low", "b1"])
    assert read_labelled(file) == [LabelledMessage('Hé, "quoted"', "a", "general", "low", "b1")]
    with pytest.raises(SystemExit, match="out_of_scope"):
        main(str(file), "minilm-int8", str(tmp_path / "out"))
