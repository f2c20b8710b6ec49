"""`clara eval` as somebody runs it, on a knowledge base of four articles and six questions of one's own."""

import json
import shutil

import pytest

from evals.command import BadUsage, choose, compare_files, evaluate
from evals.goals import GOALS as DEFAULT_GOALS
from evals.goals import BadGoals, held_against, read_goals
from evals.homes import classifier_home
from evals.run import SUITES
from evals.suites import Result
from tests.serving import run_clara

ARTICLES = {
    "guides/warranty.md": "# Warranty\nEvery coffee machine has a warranty of 36 months from the day of delivery.\n",
    "opening.md": "# Opening hours\nThe workshop is open from Monday to Friday, from 8:00 to 17:00.\n",
    "descale.md": "# Descale the coffee machine\n1. Empty the tank.\n2. Pour in the descaler.\n3. Hold **Steam**.\n",
    "returns.md": "# Send goods back\nYou can send back unused goods within 30 days. We pay the postage.\n",
}
CASES = [
    {
        "id": "w1",
        "question": "How long is the warranty?",
        "articles": ["guides/warranty.md"],
        "contains": ["36 months"],
    },
    {"id": "o1", "text": "What are your opening hours?", "sources": ["opening"]},
    {"id": "d1", "question": "How do I descale my coffee machine?", "gold": "descale-the-coffee-machine"},
    {"id": "r1", "question": "Can I send goods back?", "gold": ["returns.md"]},
    {"id": "x1", "question": "Who won <b>the world cup</b> in 1990?", "answerable": False, "kind": "off_topic"},
    {"id": "p1", "question": "Where can I park?", "gold": ["parking.md"]},
]


@pytest.fixture(scope="module")
def place(templates, tmp_path_factory):
    """A home, and beside it `kb`, `cases.jsonl` and the report of a run in `report`."""
    folder = tmp_path_factory.mktemp("eval")
    settings = templates.copy("sqlite", with_knowledge=True, home=folder / "home")
    shutil.copytree(settings.home / "classifier", classifier_home(settings.home / "evals") / "classifier")
    for name, text in ARTICLES.items():
        (folder / "kb" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "kb" / name).write_text(text)
    (folder / "cases.jsonl").write_text("".join(f"{json.dumps(case)}\n" for case in CASES))
    return folder, settings


@pytest.fixture(scope="module")
def measured(place):
    folder, settings = place
    options = ["--kb", str(folder / "kb"), "--cases", str(folder / "cases.jsonl"), "--report", str(folder / "report")]
    return run_clara(settings, "eval", "--json", *options)


def test_a_users_own_cases_are_measured(measured):
    assert measured.returncode == 0, measured.stderr
    (line,) = measured.stdout.splitlines()
    document = json.loads(line)
    assert set(document["suites"]) == {"retrieval.kb", "confidence.kb", "answers.kb"}
    retrieval = document["suites"]["retrieval.kb"]
    # the one about parking names an article that there is not
    assert (retrieval["figures"]["questions"], retrieval["figures"]["hit_at_1"]) == (5, 4 / 5)
    assert retrieval["figures"]["mrr_at_10"] == 4 / 5
    assert retrieval["figures"]["fact_at_5"] == 1
    assert [failure["id"] for failure in retrieval["failures"]] == ["p1"]
    assert document["unknown_articles"] == {"kb": ["parking.md"]}
    assert "not in the knowledge base: parking.md" in measured.stderr
    confidence = document["suites"]["confidence.kb"]["figures"]
    assert (confidence["questions"], confidence["answerable"]) == (6, 5)
    answers = document["suites"]["answers.kb"]["figures"]
    assert (answers["questions"], answers["verbatim"]) == (6, 1)


def test_every_mean_is_the_mean_of_its_cases(measured):
    for result in json.loads(measured.stdout)["suites"].values():
        by_figure: dict[str, list[float]] = {}
        for case in result["cases"]:
            for name, value in case["figures"].items():
                by_figure.setdefault(name, []).append(value)
        assert by_figure
        for name, values in by_figure.items():
            assert sum(values) / len(values) == pytest.approx(result["figures"][name])


def test_the_report_is_written(place, measured):
    folder, _ = place
    assert json.loads((folder / "report" / "results.json").read_text()) == json.loads(measured.stdout)
    page = (folder / "report" / "report.html").read_text()
    assert "Where can I park?" in page
    assert "<b>the world cup" not in page


def test_a_second_run_encodes_nothing_and_is_the_same(place, measured):
    folder, settings = place
    options = ["--kb", str(folder / "kb"), "--cases", str(folder / "cases.jsonl")]
    again = run_clara(settings, "eval", "retrieval", "confidence", *options, "--report", str(folder / "again"))
    assert again.returncode == 0
    assert "(0 texts encoded)" not in measured.stderr
    assert "ingested" not in again.stderr or "(0 texts encoded)" in again.stderr  # anew when our code has changed
    compared = run_clara(settings, "eval", "--json", "--compare", str(folder / "report"), str(folder / "again"))
    differences = json.loads(compared.stdout)["differences"]
    assert {each["suite"] for each in differences} == {"retrieval.kb", "confidence.kb"}
    assert {each["difference"] for each in differences} == {0}
    assert {each["verdict"] for each in differences} == {"same", ""}
    table = run_clara(settings, "eval", "--compare", str(folder / "report"), str(folder / "again")).stdout
    assert "hit_at_1" in table


@pytest.mark.parametrize(
    ("suites", "more", "reason"),
    [
        (["poetry"], {}, "unknown suite 'poetry'; there are classification, retrieval"),
        ([], {"collections": "own,nothing"}, "unknown collection 'nothing'; there are own, stackfaq"),
        ([], {"kb": "kb"}, "--kb and --cases go together"),
        ([], {"cases": "cases.jsonl"}, "--kb and --cases go together"),
        (["conversations"], {"kb": "kb", "cases": "cases.jsonl"}, "unknown suite 'conversations'"),
        ([], {"kb": "kb", "cases": "cases.jsonl", "sealed": True}, "--kb takes the place of"),
        ([], {"kb": "kb", "cases": "cases.jsonl", "collections": "own"}, "--kb takes the place of"),
        ([], {"goals": "cases.jsonl"}, "cases.jsonl: "),
    ],
)
def test_what_cannot_be_done_is_told(place, suites, more, reason):
    folder, _ = place
    asked = {"collections": None, "kb": None, "cases": None, "sealed": False} | more
    files = {name: folder / asked[name] for name in ("kb", "cases", "goals") if asked.get(name)}
    with pytest.raises(BadUsage, match=reason):
        choose(suites, **(asked | files))


def test_bad_lines_are_bad_usage(place):
    folder, settings = place
    (folder / "bad.jsonl").write_text('{"text": "Fine?"}\n{"gold": ["opening.md"]}\n')
    done = run_clara(settings, "eval", "--kb", str(folder / "kb"), "--cases", str(folder / "bad.jsonl"))
    assert done.returncode == 2
    assert "bad.jsonl: line 2: no `question` (or `text`)" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_only_results_can_be_compared(place):
    folder, _ = place
    with pytest.raises(BadUsage, match="not JSON"):
        compare_files(folder / "cases.jsonl", folder / "cases.jsonl")


def test_absent_data_is_skipped_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr("evals.run.public", lambda _name: None)
    chosen = choose(["retrieval"], "stackfaq,mtrag", None, None, sealed=False)
    said: list[str] = []
    document = evaluate(chosen, tmp_path, lambda _name: lambda _done, _of: None, said.append)
    assert said == ["stackfaq: skipped: no data", "mtrag: skipped: no data"]
    assert (document["skipped"], document["suites"]) == (["stackfaq", "mtrag"], {})


GOALS = """
[answers]
at_least = { coverage = 0.5, verbatim = 1 }
[retrieval.own]
at_least = { hit_at_1 = 0.7 }
at_most = { misspelt = 0.1 }
[retrieval.mtrag]
at_least = { hit_at_1 = 0.99 }
[confidence.stackfaq-half]
at_most = { ece = 0.05 }
"""


def test_goals_hold_for_a_suite_or_for_one_collection(tmp_path):
    (tmp_path / "goals.toml").write_text(GOALS)
    results = {
        "answers": Result({"coverage": 0.5, "verbatim": 0.9}, []),
        "answers.kb": Result({"coverage": 0.1, "verbatim": 0.1}, []),
        "retrieval.own": Result({"hit_at_1": 0.6}, []),
        "confidence.stackfaq-half": Result({"ece": 0.05}, []),
    }
    held = held_against(results, read_goals(tmp_path / "goals.toml", list(SUITES)))
    assert [(goal.suite, goal.figure, goal.met) for goal in held] == [
        ("answers", "coverage", True),
        ("answers", "verbatim", False),
        ("retrieval.own", "hit_at_1", False),
        ("retrieval.own", "misspelt", False),
        ("confidence.stackfaq-half", "ece", True),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[", "goals.toml"),
        ("[poetry]\nat_least = { x = 1 }", r"\[poetry\] is no suite"),
        ("answers = 3", r"\[answers\] is no suite"),
        ("[answers]\nat_leats = { x = 1 }", r"\[answers.at_leats\]"),
        ("[answers]\nat_least = 0.5", r"\[answers\] may hold"),
        ("[retrieval]\nown = 0.5", r"\[retrieval.own\] may hold"),
        ('[answers]\nat_least = { coverage = "high" }', "coverage is no number"),
    ],
)
def test_goals_that_would_never_be_held_are_refused(tmp_path, text, reason):
    (tmp_path / "goals.toml").write_text(text)
    with pytest.raises(BadGoals, match=reason):
        read_goals(tmp_path / "goals.toml", list(SUITES))


def test_the_projects_goals_can_be_read():
    assert read_goals(DEFAULT_GOALS, list(SUITES))


@pytest.mark.parametrize(("bound", "code"), [(0.8, 0), (0.9, 1)])
def test_a_missed_goal_is_an_exit_of_one(place, bound, code):
    folder, settings = place
    goals = folder / "goals.toml"
    goals.write_text(f"[retrieval.kb]\nat_least = {{ hit_at_1 = {bound} }}\n")
    options = ["--kb", str(folder / "kb"), "--cases", str(folder / "cases.jsonl"), "--goals", str(goals)]
    done = run_clara(settings, "eval", "retrieval", *options)
    assert done.returncode == code
    assert ("missed: retrieval.kb hit_at_1 is 0.800, wanted at least 0.9" in done.stderr) is (code == 1)
