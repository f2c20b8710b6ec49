"""`clara train`: any labels in, figures and a page out, and a clear word for what cannot be learnt from."""

import csv
import json
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from agents.classifier import OUT_OF_SCOPE, Classifier
from agents.training import LabelledMessage
from errors import Malformed
from evals.train import BadColumn, Judged, Table, check, figures_of, read_table, train_and_judge
from evals.train_report import MATRIX_LABELS, as_html
from tests.agents.messages import labelled_messages
from tests.conftest import make_settings
from tests.serving import run_clara


def write(file, header, rows):
    with file.open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([header, *rows])
    return file


@pytest.fixture
def data(tmp_path):
    rows = [(message.text, message.intent) for message in labelled_messages() if message.intent != OUT_OF_SCOPE]
    return write(tmp_path / "data.csv", ["utterance", "class"], rows)


def judged(wanted, given, sure, texts=None):
    texts = texts or [f"text {n}" for n in range(len(wanted))]
    messages = [LabelledMessage(text, label, "general", "low") for text, label in zip(texts, wanted, strict=True)]
    table = Table(messages, [n * 10 for n in range(1, len(wanted) + 1)], 0)
    given = np.array(given)
    return Judged(table, np.array(wanted), given, np.array(sure), given, "by hand")


def test_figures_by_their_definitions():
    document = figures_of(judged(["a", "a", "b", "b"], ["a", "b", "b", "b"], [1.0, 0.5, 1.0, 1.0]))
    assert document["accuracy"] == 3 / 4
    assert document["ece"] == pytest.approx(1 / 4 * 0.5)
    a, b = document["labels"]
    assert a == {"label": "a", "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}
    assert b == {
        "label": "b",
        "precision": pytest.approx(2 / 3),
        "recall": 1.0,
        "f1": pytest.approx(4 / 5),
        "support": 2,
    }
    assert document["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert "out_of_scope_recall" not in document


def test_figures_of_foreign_messages():
    wanted, given = ["a", "a", OUT_OF_SCOPE, OUT_OF_SCOPE], ["a", OUT_OF_SCOPE, OUT_OF_SCOPE, "a"]
    document = figures_of(judged(wanted, given, [1.0] * 4))
    assert document["in_scope_accuracy"] == 1 / 2
    assert document["out_of_scope_recall"] == 1 / 2
    assert document["out_of_scope_precision"] == 1 / 2


def test_columns_are_guessed_or_named(tmp_path):
    file = write(tmp_path / "a.csv", ["id", "Question", "Intent"], [("1", "how?", "x"), ("2", "why?", "OOS")])
    assert [(m.text, m.intent) for m in read_table(file, None, None).messages] == [
        ("how?", "x"),
        ("why?", OUT_OF_SCOPE),
    ]
    assert [m.intent for m in read_table(file, "Question", "id").messages] == ["1", "2"]
    with pytest.raises(BadColumn, match=r"no column 'topic'.*id, Question, Intent"):
        read_table(file, None, "topic")
    other = write(tmp_path / "b.csv", ["one", "two"], [("a", "b")])
    with pytest.raises(BadColumn, match="--text"):
        read_table(other, None, None)


def test_labels_called_category_are_labels_and_not_categories(tmp_path):
    file = write(tmp_path / "a.csv", ["text", "category"], [("how?", "card_arrival")])
    (message,) = read_table(file, None, None).messages
    assert (message.intent, message.category) == ("card_arrival", "general")


def test_empty_rows_are_left_out_and_counted_and_the_others_keep_their_numbers(tmp_path):
    file = write(
        tmp_path / "a.csv", ["text", "label"], [("one", "a"), ("", "a"), (" ", ""), ("two", ""), ("three", "b")]
    )
    table = read_table(file, None, None)
    assert (table.numbers, table.skipped) == ([1, 5], 3)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"text,label\n\xff\xfe,a\n", "not UTF-8"),
        (b"text,label\n,\n", "no row"),
        (b"text,label\none,a\ntwo,a\n", "only the label a"),
        (b"text,label\none,a\ntwo,oos\n", "only the label"),
        (b"text,label\none,a\ntwo,a\nthree,b\nfour,b\nfive,c\n", "one row is too few.*: c"),
    ],
    ids=["not UTF-8", "empty rows", "one label", "one label and foreign ones", "a label with one row"],
)
def test_what_cannot_be_learnt_from_is_said(tmp_path, content, said):
    file = tmp_path / "data.csv"
    file.write_bytes(content)
    with pytest.raises(Malformed, match=said):
        check(read_table(file, None, None), file)


def test_a_mark_before_the_header_is_no_part_of_the_column(tmp_path):
    file = tmp_path / "excel.csv"
    file.write_bytes("\ufefftext,label\nhow?,a\n".encode())
    assert len(read_table(file, None, None).messages) == 1


def test_folds_judge_every_message_once_and_the_model_is_kept(data, encoder, tmp_path):
    said = []
    document = train_and_judge(data, encoder, tmp_path / "out", said.append, text=None, label=None, test=None)
    assert document["messages"] == sum(each["support"] for each in document["labels"]) == 36
    assert document["accuracy"] > 0.5
    assert "5 folds" in document["judged"]
    classifier = Classifier(tmp_path / "out" / "classifier")
    assert classifier.likeliest("refund please", encoder.encode(["refund please"])[0])[0] == "refund_request"
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("Confusion matrix") >= 1


def test_on_a_test_file_unknown_labels_are_foreign(data, encoder, tmp_path):
    test = write(
        tmp_path / "test.csv", ["utterance", "class"],
        [("I forgot my password", "password_reset"), ("sing about volcanoes and whales", "NO_NODES_DETECTED")],
    )  # fmt: skip
    document = train_and_judge(data, encoder, tmp_path / "out", print, text=None, label=None, test=test)
    assert [each["label"] for each in document["labels"]] == [OUT_OF_SCOPE, "password_reset"]
    assert set(document) > {"in_scope_accuracy", "out_of_scope_recall", "out_of_scope_precision"}


def test_without_anything_foreign_nothing_is_refused(data, encoder, tmp_path):
    test = write(tmp_path / "test.csv", ["utterance", "class"], [("qwertz uiop", "smalltalk"), ("hello", "smalltalk")])
    document = train_and_judge(data, encoder, tmp_path / "out", print, text=None, label=None, test=test)
    assert OUT_OF_SCOPE not in json.dumps(document)


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "action")]


def page_of(*args):
    judgement = judged(*args)
    return as_html("<b>data.csv", {**figures_of(judgement), "skipped": 0}, judgement)


def test_the_page_is_complete_in_itself_and_escapes_what_messages_say():
    html = page_of(["<i>a", "<i>a", "b"], ["<i>a", "b", "b"], [0.9, 0.95, 0.9], ["x", "<script>alert(1)</script>", "y"])
    page = Page()
    page.feed(html)
    assert page.links == []
    assert not {"script", "i", "b", "link", "img", "iframe"} & set(page.tags)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "url(" not in html
    assert "@import" not in html


def test_the_page_names_likely_mislabelled_rows_by_their_number():
    html = page_of(["a", "a", "b"], ["a", "b", "a"], [0.9, 0.97, 0.4], ["x", "surely b", "hardly a"])
    doubtful = html.partition("Likely mislabelled")[2].partition("</section>")[0]
    assert ">20<" in doubtful
    assert "surely b" in doubtful
    assert "hardly a" not in doubtful


def test_of_many_labels_the_pairs_stand_for_the_matrix():
    labels = [f"label {n}" for n in range(MATRIX_LABELS + 1)]
    html = page_of(labels, [labels[1], *labels[1:]], [0.5] * len(labels))
    assert "<rect" not in html
    assert "label 0" in html.partition("Labels most often confused")[2].partition("</section>")[0]


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return make_settings(tmp_path_factory.mktemp("train") / "home")


def test_the_command_prints_one_document_and_writes_under_the_home(settings, data):
    done = run_clara(settings, "train", "--data", str(data), "--json")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    document = json.loads(line)
    assert set(document) >= {"accuracy", "macro_f1", "ece", "labels", "out"}
    assert document["out"] == str(settings.home / "train")
    assert (settings.home / "train" / "report.html").exists()
    assert "Judging, fold 5 of 5." in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--data", "missing.csv"], 2),
        ([], 2),
        (["--data", "{data}", "--label", "nothing"], 2),
        (["--data", "{data}", "--test", "missing.csv"], 2),
        (["--data", "{single}"], 1),
    ],
    ids=["no such file", "no file", "no such column", "no such test file", "one label"],
)
def test_bad_input_is_said_in_a_line(settings, data, tmp_path, arguments, code):
    single = write(tmp_path / "single.csv", ["text", "label"], [("one", "a"), ("two", "a")])
    done = run_clara(settings, "train", *(each.format(data=data, single=single) for each in arguments))
    assert done.returncode == code
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_only_training_imports_scikit_learn():
    code = "import sys, clara, agents.classifier, graph.means; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
