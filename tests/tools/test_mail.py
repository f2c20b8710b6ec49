import email
import shutil
import ssl
import subprocess
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from errors import InvalidField, Unavailable
from memory.outbox import Hopeless, claim
from memory.tables import Job
from settings import Settings
from tools.mail import AUTO_REPLIED, MAIL_JOB, build_message, deliver_mail, queue_mail

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

LONG_ID = f"<{'A' * 90}@eurprd04.prod.outlook.com>"


class Inbox(Controller):
    """A real mail server on a free port, which keeps what it gets and refuses whom it is told to."""

    def __init__(self, **options):
        self.refusals = {}
        self.envelopes = []
        self.logins = []
        super().__init__(self, hostname="127.0.0.1", port=0, authenticator=self.login, **options)

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()

    def login(self, server, session, envelope, mechanism, data):
        encrypted = server.transport.get_extra_info("ssl_object") is not None
        self.logins.append((data.login, data.password, encrypted))
        return AuthResult(success=True)

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        self.envelopes.append(envelope)
        return "250 OK"


@pytest.fixture
def inbox():
    server = Inbox()
    server.start()
    yield server
    server.stop()


def settings_with(tmp_path, smtp_url=None):
    return Settings(home=tmp_path, smtp_url=smtp_url, mail_from="Clara Support <help@shop.example>", _env_file=None)


def a_mail(**changes):
    """A payload as `queue_mail` writes it."""
    given_here = {"html": None, "headers": {}} | changes
    return {
        "message_id": "<1@mail.clara.example>",
        "date": "2026-03-01T09:30:00+00:00",
        "to": "ana@example.com",
        "subject": "Your question",
        "text": "Hello Ana",
    } | given_here


def queued(session):
    return session.scalars(select(Job)).one().payload


def parsed(content):
    return email.message_from_bytes(content, policy=default)


def test_a_queued_mail_arrives_as_it_was_asked_for(session, tmp_path, inbox):
    message_id = queue_mail(
        session,
        to="ana@example.com",
        subject="Größe?",
        text="Grüße,\n.\nClara",
        html="<p>Grüße</p>",
        headers={**AUTO_REPLIED, "In-Reply-To": "<q@example.com>", "Reply-To": "help+7@shop.example"},
    )
    (job,) = claim(session, "ann", limit=1, lease=60)
    assert job.kind == MAIL_JOB
    deliver_mail(settings_with(tmp_path, f"smtp://127.0.0.1:{inbox.port}"), job.payload)

    (envelope,) = inbox.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("help@shop.example", ["ana@example.com"])
    mail = parsed(envelope.content)
    assert dict(mail.items()) | {"Date": None, "Content-Type": None} == {
        "From": "Clara Support <help@shop.example>",
        "To": "ana@example.com",
        "Subject": "Größe?",
        "Date": None,
        "Message-ID": message_id,
        "Auto-Submitted": "auto-replied",
        "In-Reply-To": "<q@example.com>",
        "Reply-To": "help+7@shop.example",
        "Content-Type": None,
        "MIME-Version": "1.0",
    }
    assert mail["Date"].datetime.tzinfo is not None
    assert mail.get_body(("plain",)).get_content().splitlines() == ["Grüße,", ".", "Clara"]
    assert mail.get_body(("html",)).get_content().strip() == "<p>Grüße</p>"


def test_a_mail_is_forgotten_with_the_change_that_asked_for_it(sessions):
    with sessions.write() as undone:
        queue_mail(undone, to="ana@example.com", subject="Hello", text="…")
    with sessions.read() as session:
        assert session.scalars(select(Job)).all() == []


def test_two_mails_have_different_ids(session):
    one, other = (queue_mail(session, to="ana@example.com", subject="Hello", text="…") for _ in range(2))
    assert one != other


@pytest.mark.parametrize(
    "address",
    ["", "ana", "ana@", "@example.com", "ana@example.com\nBcc: eve@example.com", "ana@example.com\r", "a b@example.com",
     "ana@example.com, eve@example.com", "<ana@example.com>", "ana@exa..mple.com", "ana\x00@example.com", "a@b@c.com"],
)  # fmt: skip
def test_only_one_bare_address_is_taken(session, address):
    with pytest.raises(InvalidField):
        queue_mail(session, to=address, subject="Hello", text="…")


@pytest.mark.parametrize(
    ("address", "written"),
    [("ana+7@example.com", "ana+7@example.com"), ("o'hara@mail.corp.local", "o'hara@mail.corp.local"),
     ("ana@bücher.example", "ana@xn--bcher-kva.example")],
)  # fmt: skip
def test_addresses_inside_a_company_and_international_domains_are_taken(session, address, written):
    queue_mail(session, to=address, subject="Hello", text="…")
    assert queued(session)["to"] == written


@pytest.mark.parametrize("name", ["Bcc", "Subject", "Content-Type", "X-A: 1\r\nBcc"])
def test_only_listed_headers_can_be_added(session, name):
    with pytest.raises(ValueError, match="not a further header"):
        queue_mail(session, to="ana@example.com", subject="Hello", text="…", headers={name: "eve@example.com"})


def test_nothing_in_a_subject_or_header_becomes_a_header(session):
    evil = "Hi\r\nBcc: eve@example.com\n\n<script>\x00\u2028Cc: eve@example.com"
    queue_mail(session, to="ana@example.com", subject=evil, text="…", headers={"In-Reply-To": evil, "Reply-To": evil})
    mail = parsed(build_message("help@shop.example", queued(session)).as_bytes())
    assert set(mail) == {
        "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "Reply-To",
        "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
    }  # fmt: skip
    assert mail["Subject"] == "Hi Bcc: eve@example.com <script> Cc: eve@example.com"


def test_a_subject_has_at_most_250_characters(session):
    queue_mail(session, to="ana@example.com", subject="größe " * 100, text="…")
    assert len(queued(session)["subject"]) <= 250


@given(st.text(st.characters(categories=["L", "N", "S"], exclude_characters="="), max_size=60).map(str.split))
def test_a_subject_of_any_words_is_read_back(words):
    subject = " ".join(words * 3)
    assert parsed(build_message("help@shop.example", a_mail(subject=subject)).as_bytes())["Subject"] == subject


def test_ids_longer_than_a_line_stay_whole():
    headers = {"In-Reply-To": LONG_ID, "References": f"<first@example.com> {LONG_ID}"}
    written = build_message("help@shop.example", a_mail(headers=headers)).as_bytes()
    assert f"In-Reply-To: {LONG_ID}\r\n".encode() in written
    assert f"References: <first@example.com>\r\n {LONG_ID}\r\n".encode() in written


def test_every_line_is_ascii_and_short_enough_for_any_server():
    html = "<p>" + "ß" * 5_000 + "</p>"
    written = build_message("Clära <help@shop.example>", a_mail(text="ü" * 5_000, html=html)).as_bytes()
    assert written.isascii()
    assert max(len(line) for line in written.split(b"\r\n")) <= 998


def test_without_a_server_a_mail_becomes_one_file_however_often_it_is_delivered(tmp_path):
    settings = settings_with(tmp_path)
    for _ in range(2):
        deliver_mail(settings, a_mail())
    deliver_mail(settings, a_mail(message_id="<2@mail.clara.example>"))

    files = sorted((tmp_path / "mail").iterdir())
    assert [file.suffix for file in files] == [".eml", ".eml"]
    assert {parsed(file.read_bytes())["Message-ID"] for file in files} == {
        "<1@mail.clara.example>",
        "<2@mail.clara.example>",
    }
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ("550 5.1.1 <ana@example.com> is unknown", Hopeless, "The mail server says that the address does not exist"),
        ("550 relaying denied to ana@example.com", Unavailable, "The mail server refused the recipient (550)."),
        ("451 4.7.1 greylisted, ana@example.com", Unavailable, "The mail server refused the recipient (451)."),
    ],
)
def test_a_refused_recipient_is_given_up_only_if_the_address_does_not_exist(tmp_path, inbox, answer, error, said):
    inbox.refusals["ana@example.com"] = answer
    with pytest.raises(error) as refused:
        deliver_mail(settings_with(tmp_path, f"smtp://127.0.0.1:{inbox.port}"), a_mail())
    assert refused.value.message.startswith(said)
    assert "ana" not in refused.value.message
    assert inbox.envelopes == []


def test_a_server_that_is_down_is_unavailable(tmp_path):
    down = Inbox()
    down.start()
    down.stop()
    with pytest.raises(Unavailable, match="ConnectionRefusedError"):
        deliver_mail(settings_with(tmp_path, f"smtp://127.0.0.1:{down.port}"), a_mail())


def test_a_mail_that_is_too_large_is_unavailable_with_the_servers_code(tmp_path):
    small = Inbox(data_size_limit=100)
    small.start()
    with pytest.raises(Unavailable, match="552"):
        deliver_mail(settings_with(tmp_path, f"smtp://127.0.0.1:{small.port}"), a_mail())
    small.stop()


@pytest.mark.parametrize("url", ["http://127.0.0.1", "smtp:127.0.0.1", "mail.example.com"])
def test_another_kind_of_server_is_said_to_be_misconfigured(tmp_path, url):
    with pytest.raises(Unavailable, match="CLARA_SMTP_URL"):
        deliver_mail(settings_with(tmp_path, url), a_mail())


def test_a_login_is_decoded_from_the_url(tmp_path):
    inbox = Inbox(auth_required=True, auth_require_tls=False)
    inbox.start()
    deliver_mail(settings_with(tmp_path, f"smtp://help%40shop:p%2Fw%3A%25@127.0.0.1:{inbox.port}"), a_mail())
    inbox.stop()
    assert inbox.logins == [(b"help@shop", b"p/w:%", False)]
    assert len(inbox.envelopes) == 1


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Certificate and key of a server at 127.0.0.1."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return files


@pytest.fixture(params=["smtp", "smtps"])
def encrypted(request, certificate):
    """A server that offers STARTTLS, or speaks TLS from the start, and wants a login; and its URL."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    tls = {
        "smtp": {"tls_context": context, "require_starttls": True},
        "smtps": {"ssl_context": context, "auth_require_tls": False},  # it counts STARTTLS only
    }
    inbox = Inbox(auth_required=True, **tls[request.param])
    inbox.start()
    yield inbox, f"{request.param}://clara:secret@127.0.0.1:{inbox.port}"
    inbox.stop()


def test_a_login_is_encrypted_when_the_server_can(tmp_path, encrypted, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    inbox, url = encrypted
    deliver_mail(settings_with(tmp_path, url), a_mail())
    assert inbox.logins == [(b"clara", b"secret", True)]
    assert len(inbox.envelopes) == 1


def test_a_server_that_cannot_prove_who_it_is_gets_neither_password_nor_mail(tmp_path, encrypted):
    inbox, url = encrypted
    with pytest.raises(Unavailable, match="SSLCertVerificationError"):
        deliver_mail(settings_with(tmp_path, url), a_mail())
    assert (inbox.logins, inbox.envelopes) == ([], [])
