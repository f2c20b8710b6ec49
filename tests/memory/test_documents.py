"""Real files of every kind: what is in them comes out, what is broken is said and stops nothing."""

import json
import os
import zipfile
from dataclasses import asdict
from io import BytesIO

import docx
import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from fpdf import FPDF
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter

from memory.knowledge.documents import MAX_FILE_BYTES, Document, Unreadable, read_documents
from memory.knowledge.documents.faq import MAX_ENTRIES
from memory.knowledge.documents.model import TITLE_CHARACTERS
from memory.knowledge.documents.pdf import paragraphs, without_edges
from memory.knowledge.documents.walk import READERS
from memory.knowledge.documents.word import MAX_UNPACKED_BYTES


@pytest.fixture
def read(tmp_path):
    """Write a file and read it."""

    def write_and_read(name, content):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return list(read_documents(file))

    return write_and_read


@pytest.fixture
def only(read):
    def one(name, content):
        (found,) = read(name, content)
        return found

    return one


# --- folders and files


def test_a_folder_is_read_in_order_with_relative_sources(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / ".git").mkdir()
    for name in ("z.md", "a.TXT", "b/c.md", ".hidden.md", ".git/d.md", "image.png", "Makefile"):
        (tmp_path / name).write_text("Some text.")
    found = list(read_documents(tmp_path))
    assert [document.source for document in found] == ["a.TXT", "b/c.md", "z.md"]
    assert all(isinstance(document, Document) for document in found)


def test_a_single_file_has_its_name_as_source(tmp_path):
    file = tmp_path / "reset-your_password.md"
    file.write_text("Click it.")
    assert list(read_documents(file)) == [
        Document("reset-your_password.md", "Reset your password", "Click it.", None, None, ())
    ]


def test_a_broken_file_does_not_stop_the_others(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF-nonsense")
    (tmp_path / "b.md").write_text("Fine.")
    broken, fine = read_documents(tmp_path)
    assert isinstance(broken, Unreadable)
    assert asdict(broken)["source"] == "a.pdf"
    assert fine.body == "Fine."


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.md", b"", "The file is empty."),
        ("a.md", b"\xef\xbb\xbf \r\n\t\0", "The file is empty."),
        ("a.csv", b"\xff\xfe", "The file is empty."),
        ("a.csv", b"\x0b\n", "The first row names no column"),
        ("a.pdf", b"", "The file is empty."),
        ("a.md", "# Only a title\n", "There is a title but no text."),
        ("a.xyz", "text", "Files of this kind are not read (.xyz)"),
        ("Makefile", "text", "Files of this kind are not read (no extension)"),
        ("a.html", "<html><body><script>x</script></body></html>", "The page has no text."),
        ("a.docx", b"PK nonsense", "The file is damaged or not a DOCX file (BadZipFile)."),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "The file has a password or is of an old Word format"),
        ("a.pdf", b"nonsense", "The PDF is damaged or not a PDF"),
        ("a.csv", "name,age\nx,3\n", "The first row names no column answer or a or text or body or content."),
        ("a.csv", "question,answer\n", "The file has no entries."),
        ("a.json", "[]", "The file has no entries."),
        ("a.json", '{"a": 1}', "A JSON file must hold a list of questions and answers."),
        ("a.json", "[1,\n", "The file is not valid JSON: "),
        ("a.json", "[" * 100_000, "The file is not JSON that can be read."),
    ],
)
def test_what_cannot_be_read_is_said(only, name, content, reason):
    found = only(name, content)
    assert isinstance(found, Unreadable)
    assert found.source == name
    assert found.reason.startswith(reason)


def test_a_missing_path_is_said(tmp_path):
    assert list(read_documents(tmp_path / "no.md")) == [Unreadable("no.md", "There is no such file or folder.")]


def test_a_file_over_the_limit_is_refused_and_one_at_the_limit_is_looked_at(tmp_path):
    for name, size in (("large.md", MAX_FILE_BYTES + 1), ("full.md", MAX_FILE_BYTES)):
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)  # sparse: takes no room
    full, large = read_documents(tmp_path)
    assert full.reason == "The file is empty."
    assert large.reason == "The file is larger than 50 MB."


def test_links_that_lead_back_or_nowhere_and_pipes_are_said(tmp_path):
    folder = tmp_path / "kb"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "a.md").write_text("Text.")
    (folder / "in" / "back").symlink_to(folder)
    (folder / "gone.md").symlink_to(folder / "nothing.md")
    (folder / "self").symlink_to(folder / "self")
    os.mkfifo(folder / "pipe.md")
    found = {item.source: getattr(item, "reason", None) for item in read_documents(folder)}
    assert found == {
        "gone.md": "The link leads nowhere.",
        "in/a.md": None,
        "in/back": "The link leads back to a folder that it is in.",
        "pipe.md": "This is not a regular file.",
        "self": "The link leads nowhere.",
    }


def test_a_link_to_a_folder_elsewhere_is_followed(tmp_path):
    (tmp_path / "kb").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.md").write_text("Text.")
    (tmp_path / "kb" / "more").symlink_to(tmp_path / "elsewhere")
    assert [document.source for document in read_documents(tmp_path / "kb")] == ["more/a.md"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_missing_permission_is_said(tmp_path):
    (tmp_path / "locked").mkdir(mode=0)
    (tmp_path / "secret.md").touch(mode=0)
    assert [item.reason for item in read_documents(tmp_path)] == ["There is no permission to read this."] * 2
    (tmp_path / "locked").chmod(0o700)


def test_a_name_that_is_no_utf8_can_still_be_stored(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.md")).write_text("Text.")
    (document,) = read_documents(tmp_path)
    assert document.source == "caf\ufffd.md"
    assert document.title.encode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(only, encoding):
    assert only("a.txt", "Größe – “naïve” façade\r\nnext".encode(encoding)).body == "Größe – “naïve” façade\nnext"


def test_nothing_a_database_refuses_comes_through(only):
    assert only("a.md", b"a\0b\r\nc\rd").body == "ab\nc\nd"
    entry = only("a.jsonl", '{"question": "q\\ud800", "answer": "a\\u0000 b\\udfff", "tags": ["\\ud800t"]}')
    assert (entry.title, entry.body, entry.tags) == ("q?", "a b?", ("?t",))


# --- Markdown and text


def test_front_matter(only):
    text = (
        "---\ntitle: 'Reset: how'\nCategory: Account\ntags: [one, 2, one, '']\nslug: reset\n---\n\n# Other\n\nText.\n"
    )
    assert only("a.md", text) == Document("a.md", "Reset: how", "# Other\n\nText.", "reset", "Account", ("one", "2"))


def test_tags_with_commas_and_a_heading_that_repeats_the_title(only):
    found = only("a.md", "---\ntitle: Reset it\ntags: one, two\n---\n## reset **it**\nText.\n")
    assert (found.title, found.body, found.tags) == ("Reset it", "Text.", ("one", "two"))


def test_the_first_heading_is_the_title(only):
    found = only("a.md", "```\n# no\n```\nIntro.\n\n# Reset `it` #\n\nText.\n\n# Again\n\nMore.")
    assert found.title == "Reset it"
    assert found.body == "```\n# no\n```\nIntro.\n\n\nText.\n\n# Again\n\nMore."


def test_a_long_title_is_cut(only):
    assert len(only("a.md", f"---\ntitle: {'x' * 1000}\n---\nText.").title) == TITLE_CHARACTERS


@pytest.mark.parametrize(
    ("front_matter", "line"),
    [
        ("title: a: b", "(line 2)"),
        ("title: x\ntags: [a, b", "(line 4)"),
        ("a: *none", "(line 2)"),
        ("d: 2024-13-45", "(from line 2)"),
    ],
)
def test_broken_front_matter_is_said_with_its_line(only, front_matter, line):
    found = only("a.md", f"---\n{front_matter}\n---\nText.")
    assert isinstance(found, Unreadable)
    assert found.reason.startswith("The front matter is not valid YAML")
    assert line in found.reason


def test_front_matter_cannot_run_code_or_fill_memory(only):
    assert isinstance(only("a.md", "---\ntitle: !!python/object/apply:os.getcwd []\n---\nText."), Unreadable)
    bomb = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
    found = only("a.md", f"---\na0: &a0 x\n{bomb}\ntitle: *a11\n---\nText.")
    assert (found.title, found.body) == ("A", "Text.")


def test_a_rule_at_the_top_is_no_front_matter(only):
    assert only("a.md", "---\nJust text\n---\nMore.").body == "---\nJust text\n---\nMore."
    assert only("a.md", "---\nNever closed").body == "---\nNever closed"


def test_plain_text_has_its_first_line_as_title_if_it_reads_like_one(only):
    assert only("notes.txt", "Opening hours\n\nWe open at nine.").title == "Opening hours"
    wrapped = only("notes.txt", "To reset your password open the settings\npage and click it.")
    assert (wrapped.title, wrapped.body[:8]) == ("Notes", "To reset")
    assert only("notes.txt", "A whole sentence.\n\nAnother.").title == "Notes"


# --- HTML

PAGE = """<!doctype html><html><head><title>Reset | Acme</title><style>p{}</style></head><body>
<header><h1>Acme Help</h1></header><nav><a href="/">Home</a></nav>
<form><main><header><h1>Reset <em>it</em></h1><time>May</time></header>
<p>Open&nbsp;<b>Settings</b> &gt; <code>a_b</code>,<br>then &lt;name&gt;. <!-- no --> <a href="https://x.y/(z)">Go</a>
<a href="/rel">rel</a> <a href="javascript:alert(1)">js</a></p>
stray text
<h2>Steps</h2>
<ol><li>One<ul><li>inner</li></ul></li><li><p>Two</p><p>more</p><pre><code>x = 1
  y</code></pre></li></ol>
<table><caption>Plans</caption><tr><th>Plan</th><th>Price</th></tr><tr><td>Pro|Max</td><td>5<br>6</td></tr></table>
<blockquote><p>Quoted</p></blockquote><dl><dt>Term</dt><dd>Meaning</dd></dl>
<p hidden>hidden</p><div aria-hidden="true">icon</div><button>Press</button><script>bad()</script>
<span><div>in <i>div</i></div></span><p># no heading</p><footer>Foot</footer></main></form>
<footer>(c)</footer></body></html>"""


def test_html_becomes_simple_markdown(only):
    found = only("a.html", PAGE)
    assert found.title == "Reset it"
    assert found.body == "\n\n".join(
        [
            "Open **Settings** > `a_b`,\nthen \\<name>. [Go](https://x.y/%28z%29) rel js",
            "stray text",
            "## Steps",
            "1. One\n   - inner\n2. Two\n\n   more\n\n   ```\n   x = 1\n     y\n   ```",
            "Plans",
            "| Plan | Price |\n| --- | --- |\n| Pro\\|Max | 5 6 |",
            "> Quoted",
            "Term",
            "Meaning",
            "in div",
            "\\# no heading",
        ]
    )


def test_html_without_main_or_heading_uses_the_page(only):
    found = only("a.htm", "<title>Hours</title><nav>no</nav><p>We open at nine.<footer>no</footer>")
    assert (found.title, found.body) == ("Hours", "We open at nine.")


def test_html_says_its_own_encoding(only):
    assert only("a.html", "<meta charset='shift_jis'><p>設定を開く</p>".encode("shift_jis")).body == "設定を開く"


def test_deeply_nested_html_does_not_crash(only):
    found = only("a.html", "<div>" * 50_000 + "text" + "<ul><li>" * 20_000)
    assert isinstance(found, Unreadable) or "text" in found.body


# --- PDF


def pdf(*pages, title=None, header=None):
    made = FPDF()
    made.set_font("helvetica", size=11)
    if title:
        made.set_title(title)
    for number, lines in enumerate(pages, 1):
        made.add_page()
        if header:
            made.cell(text=header, new_x="LMARGIN", new_y="NEXT")
        for line in lines:
            made.cell(text=line, new_x="LMARGIN", new_y="NEXT")
        if header:
            made.cell(text=f"Page {number} of {len(pages)}")
    return bytes(made.output())


def test_pdf_paragraphs_are_rebuilt_without_headers_and_page_numbers(only):
    openings = ["Password reset", "Signing in from a new phone", "Leaving"]
    text = [
        "To reset it you open the settings page in any browser that you have and choose secu-",
        "rity, then wait.",
        "Another paragraph begins here and goes on for about as long as the first one, and",
    ]
    ends = ["it ends.", "stops.", "is done."]
    pages = [[opening, *text, end] for opening, end in zip(openings, ends, strict=True)]
    found = only("guide.pdf", pdf(*pages, header="Acme manual, edition 7"))
    first = "To reset it you open the settings page in any browser that you have and choose security, then wait."
    second = "Another paragraph begins here and goes on for about as long as the first one, and"
    parts = [[opening, first, f"{second} {end}"] for opening, end in zip(openings, ends, strict=True)]
    assert found.title == "Password reset"
    assert found.body.split("\n\n") == [part for page in parts for part in page][1:]


def test_pdf_title_comes_from_the_file_unless_it_is_a_leftover(only):
    lines = ["Hours", "We open at nine every day of the week, and we close at five."]
    assert only("a.pdf", pdf(lines, title="Opening hours")).title == "Opening hours"
    assert only("a.pdf", pdf(lines, title="Microsoft Word - draft3.docx")).title == "Hours"


def test_encrypted_and_textless_pdfs_are_said(only):
    def encrypted(password):
        writer = PdfWriter(clone_from=PdfReader(BytesIO(pdf(["Secret", "It is in here."]))))
        writer.encrypt(password, "owner", algorithm="RC4-128")
        out = BytesIO()
        writer.write(out)
        return out.getvalue()

    assert only("a.pdf", encrypted("word")).reason == "The PDF is encrypted; save it without a password first."
    assert "It is in here." in only("a.pdf", encrypted("")).body
    assert only("a.pdf", pdf([])).reason.startswith("The PDF has no text;")


def test_lines_become_paragraphs_and_lists():
    page = [
        "The first line of text is as long as lines are in this",
        "docu\u00admented case and it ends.",
        "• one item of the list",
        "• two",
        "A para that goes on over the end of the page without a",
    ]
    assert paragraphs([page, ["stop."]]) == [
        "The first line of text is as long as lines are in this docu\u00admented case and it ends.",
        "- one item of the list\n- two",
        "A para that goes on over the end of the page without a stop.",
    ]


def test_lines_that_repeat_on_few_pages_or_inside_stay():
    pages = [["Head 1", "same", "x", "y", "same", "z", "end"], ["Head 2", "a", "b", "c", "d", "e", "2"]]
    assert without_edges(pages) == [pages[0], pages[1][:-1]]


# --- DOCX


def saved(made):
    out = BytesIO()
    made.save(out)
    return out.getvalue()


def link(paragraph, text, address):
    element = OxmlElement("w:hyperlink")
    element.set(
        qn("r:id"), paragraph.part.relate_to(address, docx.opc.constants.RELATIONSHIP_TYPE.HYPERLINK, is_external=True)
    )
    run = paragraph.add_run(text)
    element.append(run._r)
    paragraph._p.append(element)


def test_docx_in_document_order(only):
    made = docx.Document()
    made.add_heading("Reset it", 0)
    paragraph = made.add_paragraph("Open ")
    paragraph.add_run("Set").bold = True
    paragraph.add_run("tings ").bold = True
    paragraph.add_run("or ")
    link(paragraph, "this", "https://x.y/z")
    made.add_heading("Steps", 2)
    for text, style in (("One", "List Number"), ("inner", "List Bullet 2"), ("Two", "List Number")):
        made.add_paragraph(text, style=style)
    table = made.add_table(2, 3)
    for cell, text in zip(table._cells, ("Plan", "Price", "", "a|b", "5", ""), strict=True):
        cell.text = text
    table.cell(1, 1).merge(table.cell(1, 2))
    made.add_paragraph("After.")
    made.add_paragraph("Again", style="List Number")
    found = only("a.docx", saved(made))
    assert found.title == "Reset it"
    assert found.body == "\n\n".join(
        [
            "Open **Settings** or [this](https://x.y/z)",
            "## Steps",
            "1. One\n   - inner\n2. Two",
            "| Plan | Price |  |\n| --- | --- | --- |\n| a\\|b | 5 |  |",
            "After.",
            "1. Again",
        ]
    )


def test_docx_lists_by_numbering_and_own_styles(only):
    made = docx.Document()
    made.styles.add_style("Schritt", WD_STYLE_TYPE.PARAGRAPH).base_style = made.styles["Normal"]
    numbered = made.styles["List Number"].element.pPr.numPr.numId.val
    for text, level in (("One", 0), ("inner", 1)):
        properties = made.add_paragraph(text, style="Schritt")._p.get_or_add_pPr().get_or_add_numPr()
        properties.get_or_add_numId().val = numbered
        properties.get_or_add_ilvl().val = level
    made.core_properties.title = "From the properties"
    found = only("a.docx", saved(made))
    assert found.title == "From the properties"
    assert found.body.startswith("1. One\n   ")


def test_a_docx_that_unpacks_to_too_much_is_refused(only):
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as parts, parts.open("word/document.xml", "w") as part:
        for _ in range(MAX_UNPACKED_BYTES // 2**20 + 1):
            part.write(bytes(2**20))
    assert only("a.docx", out.getvalue()).reason == "The file unpacks to more than 200 MB."


# --- FAQ files


def test_csv_columns_under_their_usual_names(read):
    text = 'ID,Question,Answer,Category,Tags\nreset-it,How?,"Click, ""then""\nwait.",Account,"a, b"\n'
    text += ",,,,\n7,Q,,x,\n8,Why?,So.\n"
    first, broken, last = read("faq.csv", text)
    assert first == Document("faq.csv#1", "How?", 'Click, "then"\nwait.', "reset-it", "Account", ("a", "b"))
    assert broken == Unreadable("faq.csv#3", "The entry has no answer (a field answer, a, text, body, content).")
    assert last == Document("faq.csv#4", "Why?", "So.", None, None, ())


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_csv_with_other_delimiters_and_a_byte_order_mark(only, delimiter):
    text = f"q{delimiter}a\r\nHow, then?{delimiter}So, this.\r\n"
    found = only("faq.csv", text.encode("utf-8-sig"))
    assert (found.title, found.body) == ("How, then?", "So, this.")


def test_a_csv_row_that_is_too_long_is_said_and_the_rest_goes_in(read):
    broken, fine = read("faq.csv", f"q,a\nlong,{'x' * 200_000}\nHow?,So.\n")
    assert (broken.source, broken.reason[:33]) == ("faq.csv#1", "The row that ends in line 2 canno")
    assert (fine.source, fine.body) == ("faq.csv#2", "So.")


def test_jsonl_reads_on_after_a_broken_line(read):
    lines = [
        json.dumps({"doc_id": "guide/start.md", "title": "Start", "text": "# Start\n\nGo.", "tags": ["x"]}),
        "",
        "{broken",
        json.dumps(["no object"]),
        json.dumps({"text": "# From the heading\n\nText."}),
        json.dumps({"text": "No title."}),
        "1" * 5000,
        json.dumps({"q": 5, "a": 6, "id": 12}),
    ]
    first, broken, listed, headed, untitled, number, last = read("kb.jsonl", "\n".join(lines))
    assert first == Document("kb.jsonl#1", "Start", "Go.", "guide/start.md", None, ("x",))
    assert broken.source == "kb.jsonl#2"
    assert broken.reason.startswith("Line 3 is not valid JSON: ")
    assert listed.reason == "The entry is no object with a question and an answer."
    assert (headed.title, headed.body) == ("From the heading", "Text.")
    assert (untitled.title, untitled.body) == ("No title.", "No title.")
    assert number == Unreadable("kb.jsonl#6", "Line 7 is not JSON that can be read.")
    assert last == Document("kb.jsonl#7", "5", "6", None, None, ())


@pytest.mark.parametrize("wrap", [lambda entries: entries, lambda entries: {"version": 1, "faqs": entries}])
def test_a_json_list(read, wrap):
    found = read("faq.json", json.dumps(wrap([{"question": "How?", "answer": "So."}, 3])))
    assert found[0] == Document("faq.json#1", "How?", "So.", None, None, ())
    assert found[1].source == "faq.json#2"


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.csv", "q,a\n" + "x,y\n" * (MAX_ENTRIES + 5)), ("a.jsonl", '{"q":"x","a":"y"}\n' * (MAX_ENTRIES + 5))],
)
def test_entries_over_the_limit_are_said_once(read, name, text):
    found = read(name, text)
    assert len(found) == MAX_ENTRIES + 1
    assert found[-1].source == f"{name}#{MAX_ENTRIES + 1}"
    assert "200,000" in found[-1].reason


# --- anything at all


def samples():
    made = docx.Document()
    made.add_paragraph("Text.", style="List Number")
    return {
        ".docx": saved(made),
        ".pdf": pdf(["Hours", "We open at nine."]),
        ".html": PAGE.encode(),
        ".md": b"---\ntitle: x\n---\n# T\n\nText.",
        ".csv": b"q,a\nx,y\n",
        ".jsonl": b'{"q":"x","a":"y"}\n',
        ".json": b'[{"q":"x","a":"y"}]',
        ".txt": b"Hours\n\nNine.",
    }


SAMPLES = samples()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(SAMPLES)), st.binary(min_size=1, max_size=40), st.floats(0, 1), st.booleans())
def test_damaged_files_never_raise(tmp_path, kind, noise, place, whole):
    sample = SAMPLES[kind]
    at = int(place * len(sample))
    file = tmp_path / f"a{kind}"
    file.write_bytes(noise if whole else sample[:at] + noise + sample[at + len(noise) :])
    for found in read_documents(file):
        text = found.body if isinstance(found, Document) else found.reason
        assert text.strip()
        assert "\0" not in text
        assert text.encode()


def test_every_kind_has_a_sample_above():
    assert set(READERS) == {*SAMPLES, ".htm", ".markdown"}
