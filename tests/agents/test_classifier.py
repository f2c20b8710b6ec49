"""The classifier as it runs: the same numbers as scikit-learn's, and sense in what nobody would call a message."""

import json
from dataclasses import replace

import numpy as np
import pytest

from agents.classifier import OUT_OF_SCOPE, Classifier, Strangeness, closeness_of, log_sum_exp, signs_of, softmax
from agents.classifier_features import Terms, find_features, find_terms, letter_terms, word_terms
from agents.regression import FACTOR_ROWS, fit_model, see
from agents.training import head_of, open_encoder, table, train_on
from tests.agents.messages import AUTHORS, labelled_messages


@pytest.fixture(scope="module")
def small(encoder, tmp_path_factory):
    """Trained on a few made-up messages, so that a test run need not wait for the shipped ones."""
    return train_on(labelled_messages(), encoder, tmp_path_factory.mktemp("small") / "classifier", digest="small")


def say(classifier, encoder, text):
    return classifier.classify(text, encoder.encode([text])[0])


@pytest.fixture(scope="module")
def seen(encoder):
    texts = [message.text for message in labelled_messages()]
    vectors = encoder.encode(texts)
    features = find_features(texts, vectors, embedding_weight=1.5, term_weight=1.5)
    return texts, vectors, features, table(features, texts, vectors)


@pytest.mark.parametrize("two_labels", [False, True], ids=["many labels", "two labels"])
@pytest.mark.parametrize("by_products", [True, False], ids=["factor", "columns"])
def test_numpy_gives_the_probabilities_of_scikit_learn(seen, two_labels, by_products):
    texts, vectors, features, columns = seen
    labels = np.array([message.priority if two_labels else message.intent for message in labelled_messages()])
    data = replace(see(columns, features.evening.turn.shape[1]), **({} if by_products else {"products": None}))
    model = fit_model(data, np.arange(len(labels)), labels)
    assert len(model.classes_) == (2 if two_labels else len(set(labels)))
    head = head_of(model, data.width, temperature=1.0)
    wanted = model.predict_proba(columns)
    given = [
        head.probabilities(head.scores(features.embedding(vector), *features.weigh(text)))
        for text, vector in zip(texts, vectors, strict=True)
    ]
    assert head.labels == model.classes_.tolist()
    assert np.abs(np.array(given) - wanted).max() < 1e-9


def test_the_factor_finds_the_optimum_that_the_columns_find(seen):
    _, _, features, columns = seen
    labels = np.array([message.intent for message in labelled_messages()])
    data = see(columns, features.evening.turn.shape[1])
    assert data.products is not None
    assert len(labels) < FACTOR_ROWS
    rows = np.arange(0, len(labels))
    by_factor = fit_model(data, rows, labels).predict_proba(columns)
    by_columns = fit_model(replace(data, products=None), rows, labels).predict_proba(columns)
    assert np.abs(by_factor - by_columns).max() < 0.01


def test_a_stored_classifier_is_the_one_that_was_fitted(small, encoder, tmp_path):
    again = train_on(labelled_messages(), encoder, tmp_path / "classifier", digest="small")
    for text in ("where is my refund", "tell me a joke about cats"):
        assert say(again, encoder, text) == say(small, encoder, text)


def test_a_classifier_of_another_format_is_refused(small, encoder, tmp_path):
    train_on(labelled_messages(), encoder, tmp_path / "classifier", digest="small")
    file = tmp_path / "classifier" / "classifier.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": 1}))
    with pytest.raises(ValueError, match="train it again"):
        Classifier(tmp_path / "classifier")


def test_its_probabilities_share_out_one_whole(small, encoder):
    text = "please refund my order"
    vector = encoder.encode([text])[0]
    scores = small.intent.scores(small.features.embedding(vector), *small.features.weigh(text))
    shares, alien = small.intents(scores, vector)
    assert shares.sum() == pytest.approx(1)
    assert shares[small.intent.labels.index(OUT_OF_SCOPE)] == alien


@pytest.mark.parametrize("text", ["", "   \n", "?", "...", "!!!", "😀😀😀", "👍"])
def test_a_text_without_a_word_is_a_guess_and_not_foreign(small, encoder, text):
    found = say(small, encoder, text)
    assert not found.out_of_scope
    assert found.intent != OUT_OF_SCOPE
    assert found.confidence["intent"] == pytest.approx(1 / len(small.intent.labels))
    assert (found.intent == "smalltalk") == (text in ("😀😀😀", "👍"))


@pytest.mark.parametrize(("text", "intent"), [("refund", "refund_request"), ("hello", "smalltalk")])
def test_one_word_is_enough_when_it_says_it(small, encoder, text, intent):
    assert say(small, encoder, text).intent == intent


@pytest.mark.parametrize("text", ["I forgot my password", "Where is MY refund?", "Please send me the invoice"])
def test_capitals_change_nothing(small, encoder, text):
    assert say(small, encoder, text.upper()) == say(small, encoder, text.lower())


@pytest.mark.parametrize("text", ["ПОМОГИТЕ", "猫はどこですか", "Hol mich hier raus, bitte sofort"])
def test_what_it_cannot_read_is_no_confident_task(small, encoder, text):
    found = say(small, encoder, text)
    assert found.out_of_scope or found.confidence["intent"] < 0.7


@pytest.mark.parametrize("text", ["x" * 10_000, "password reset " * 666, "I forgot my password. " + "so " * 3_300])
def test_ten_thousand_characters_are_read_from_their_beginning(small, encoder, text):
    found = say(small, encoder, text)
    assert set(found.confidence) == {"intent", "category", "priority"}
    assert all(0 <= sure <= 1 for sure in found.confidence.values())
    assert found.as_json()["out_of_scope"] in (True, False)


def test_out_of_scope_is_said_as_intent_and_as_flag_together(small, encoder):
    texts = ["what is the capital of France", "who won the football match", "my password does not work", "refund me"]
    found = [say(small, encoder, text) for text in texts]
    assert [each.out_of_scope for each in found] == [True, True, False, False]
    assert all((each.intent == OUT_OF_SCOPE) == each.out_of_scope for each in found)
    assert all(each.out_of_scope == (each.out_of_scope_probability >= 0.5) for each in found)


def test_foreign_messages_are_told_without_any_labelled_one(encoder, tmp_path):
    ours = [message for message in labelled_messages() if message.intent != OUT_OF_SCOPE]
    classifier = train_on(ours, encoder, tmp_path / "classifier", digest="")
    assert OUT_OF_SCOPE not in classifier.intent.labels
    foreign, known = (
        say(classifier, encoder, text) for text in ("sing a song about volcanoes", "I forgot my password")
    )
    assert foreign.out_of_scope_probability > known.out_of_scope_probability
    assert not known.out_of_scope


def test_the_likeliest_known_label_is_never_out_of_scope(small, encoder):
    text = "what is the capital of France"
    label, sure = small.likeliest(text, encoder.encode([text])[0])
    assert label != OUT_OF_SCOPE
    assert 0 < sure <= 1


def test_authors_are_left_out_whole():
    assert len(AUTHORS) >= 5
    assert {message.author for message in labelled_messages()} == set(AUTHORS)


def test_terms_weigh_by_their_definition():
    terms = find_terms("words", ["red car", "red bus", "blue bus"])
    assert set(terms.vocabulary) == {"red", "bus"}  # in two texts at least
    assert terms.idf == pytest.approx(np.log(4 / 3) + 1)
    positions, weights = terms.weigh("red red bus car")
    found = dict(zip(positions.tolist(), weights.tolist(), strict=True))
    twice, once = 1 + np.log(2), 1.0
    length = np.hypot(twice, once)
    assert found[terms.vocabulary["red"]] == pytest.approx(twice / length)
    assert found[terms.vocabulary["bus"]] == pytest.approx(once / length)


def test_a_text_without_known_terms_weighs_nothing():
    positions, weights = Terms("words", {"red": 0}, np.ones(1, np.float32)).weigh("blue")
    assert len(positions) == len(weights) == 0


def test_terms_of_a_text():
    assert word_terms("Reset it, now") == ["reset", "it", "now", "reset it", "it now"]
    assert letter_terms("ab cd") == [" ab", "ab ", " ab ", " cd", "cd ", " cd "]
    assert letter_terms("abc")[-1] == " abc "


def test_softmax_energy_signs_and_closeness_by_hand():
    assert softmax(np.array([0.0, np.log(3)])).tolist() == pytest.approx([0.25, 0.75])
    assert softmax(np.array([1e6, 1e6])).tolist() == [0.5, 0.5]
    assert log_sum_exp(np.array([0.0, 0.0])) == pytest.approx(np.log(2))
    signs = signs_of(np.array([[0.0, 0.0, 1.0]]), np.array([0.4]), 2)
    assert signs[0].tolist() == pytest.approx([np.log(2), 0.4, 1 - np.log(2)])
    assert signs_of(np.array([[0.0, 0.0]]), np.array([0.4]), None)[0, 2] == 0
    axes = np.eye(3, dtype=np.float32)
    assert closeness_of(axes[:1], axes)[0] == pytest.approx(1 / 3)  # of three examples all are nearest
    assert Strangeness((1, 2, 3), -1).probability(np.array([1, 0, 0])) == pytest.approx(0.5)


def test_the_encoder_of_the_messages_is_kept(small, encoder):
    assert small.encoder == encoder.id == open_encoder(encoder.id).id
