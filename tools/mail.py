"""Mail: asked for in the writer's transaction, delivered by the worker, over SMTP or, without a server, into files.

What is delivered twice, because a process died in between, is the same mail with the same Message-ID.
"""

import hashlib
import ipaddress
import os
import re
import smtplib
import ssl
from collections.abc import Mapping
from datetime import datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import parseaddr
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit
from uuid import uuid4

from sqlalchemy.orm import Session

from errors import InvalidField, Unavailable
from memory.outbox import Hopeless, enqueue
from memory.tables.base import utc_now
from settings import Settings

MAIL_JOB = "mail"
AUTO_REPLIED = {"Auto-Submitted": "auto-replied"}
"""Header of an answer that no person wrote, so that other machines do not answer it (RFC 3834)."""
FURTHER_HEADERS = frozenset({"Auto-Submitted", "In-Reply-To", "References", "Reply-To"})
"""What a caller may add; all other headers are ours."""
ID_HEADERS = frozenset({"In-Reply-To", "References"})
SUBJECT_CHARACTERS = 250
SMTP_TIMEOUT = 15.0
"""Seconds for each answer of the mail server; a delivery has about ten."""
DEFAULT_PORTS = {"smtp": 587, "smtps": 465}
NO_SUCH_ADDRESS = (b"5.1.1", b"5.1.2", b"5.1.3", b"5.1.6", b"5.1.10")
"""Enhanced status codes by which a server says that the recipient's address will never work (RFC 3463, RFC 7505)."""

_ATOM = r'[^\s()<>\[\]\\,;:"@]'
_ADDRESS = re.compile(rf"({_ATOM}{{1,64}})@({_ATOM}{{1,255}})")


class MailPolicy(EmailPolicy):
    """Python's own, but for two faults of 3.11: it encodes ids longer than a line, which breaks the thread, and loses
    spaces of a long subject that is not ASCII."""

    def fold_binary(self, name: str, value: str) -> bytes:
        if name in ID_HEADERS:
            ids = f"{self.linesep} ".join(value.split())
            return f"{name}: {ids}{self.linesep}".encode("ascii", "replace")
        if name == "Subject":
            subject = Header(value, header_name=name).encode(linesep=self.linesep)
            return f"{name}: {subject}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


POLICY = MailPolicy(linesep="\r\n", cte_type="7bit")


def queue_mail(
    session: Session,
    *,
    to: str,
    subject: str,
    text: str,
    html: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> str:
    """Ask for a mail that is sent if and only if `session` commits; returns its Message-ID.

    Args:
        to: one bare address.
        subject: line breaks become spaces; cut after 250 characters.
        headers: of FURTHER_HEADERS, such as `AUTO_REPLIED`; line breaks become spaces.

    Raises:
        InvalidField: `to` is not an address.
        ValueError: a header that is not ours to add.
    """
    if unknown := set(headers or ()) - FURTHER_HEADERS:
        raise ValueError(f"not a further header: {', '.join(sorted(unknown))}")
    # The domain is the same for every installation: the sender's may change before a repeat, this must not.
    message_id = f"<{uuid4().hex}@mail.clara.example>"
    payload = {
        "message_id": message_id,
        "date": utc_now().isoformat(),
        "to": _address(to),
        "subject": _one_line(subject)[:SUBJECT_CHARACTERS].rstrip(),
        "text": text,
        "html": html,
        "headers": {name: _one_line(value) for name, value in (headers or {}).items()},
    }
    enqueue(session, MAIL_JOB, payload)
    return message_id


def deliver_mail(settings: Settings, payload: dict[str, Any]) -> None:
    """The handler of `MAIL_JOB`: hand the mail to the server, or write it to the folder `mail` in the home.

    Raises:
        Unavailable: the server is not there, or refuses the mail for now.
        Hopeless: the server says that the address does not exist.
    """
    message = build_message(settings.mail_from, payload)
    if settings.smtp_url is None:
        _write(message, settings.home / "mail")
        return
    try:
        _send(message, payload["to"], urlsplit(settings.smtp_url.get_secret_value()))
    except smtplib.SMTPRecipientsRefused as refused:
        code, answer = next(iter(refused.recipients.values()))
        if answer.startswith(NO_SUCH_ADDRESS):
            raise Hopeless(f"The mail server says that the address does not exist ({code}).") from refused
        raise Unavailable(f"The mail server refused the recipient ({code}).") from refused
    except smtplib.SMTPResponseException as refused:
        raise Unavailable(f"The mail server answered {refused.smtp_code}.") from refused
    except OSError as fault:  # smtplib's own errors are OSErrors as well
        raise Unavailable(f"The mail server cannot be used ({type(fault).__name__}).") from fault


def build_message(mail_from: str, payload: dict[str, Any]) -> EmailMessage:
    """The mail that `queue_mail` described, from `mail_from`, as `Name <address>` or a bare address."""
    message = EmailMessage(policy=POLICY)
    message["From"] = mail_from
    message["To"] = payload["to"]
    message["Subject"] = payload["subject"]
    message["Date"] = datetime.fromisoformat(payload["date"])
    message["Message-ID"] = payload["message_id"]
    for name, value in payload["headers"].items():
        message[name] = value
    message.set_content(payload["text"])
    if payload["html"] is not None:
        message.add_alternative(payload["html"], subtype="html")
    return message


def _send(message: EmailMessage, to: str, server: SplitResult) -> None:
    sender = parseaddr(message["From"])[1]
    with _connect(server, greeting=sender.rpartition("@")[2]) as smtp:
        if server.username is not None:
            _require_privacy(smtp)
            smtp.login(unquote(server.username), unquote(server.password or ""))
        smtp.send_message(message, sender, [to])


def _connect(server: SplitResult, *, greeting: str) -> smtplib.SMTP:
    """A connection, encrypted if the server can; `greeting` is our domain, else a DNS query would look for one."""
    if server.hostname is None or server.scheme not in DEFAULT_PORTS:
        raise Unavailable("CLARA_SMTP_URL is not smtp://host or smtps://host.")
    port = server.port or DEFAULT_PORTS[server.scheme]
    tls = ssl.create_default_context()
    if server.scheme == "smtps":
        return smtplib.SMTP_SSL(server.hostname, port, greeting, timeout=SMTP_TIMEOUT, context=tls)
    smtp = smtplib.SMTP(server.hostname, port, greeting, timeout=SMTP_TIMEOUT)
    try:
        smtp.ehlo_or_helo_if_needed()
        if smtp.has_extn("starttls"):
            smtp.starttls(context=tls)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _require_privacy(smtp: smtplib.SMTP) -> None:
    """A password goes through the open internet only encrypted: somebody on the way may have hidden STARTTLS."""
    at_home = smtp.sock is not None and ipaddress.ip_address(smtp.sock.getpeername()[0]).is_private
    if not (at_home or isinstance(smtp.sock, ssl.SSLSocket)):
        raise Unavailable("The mail server offers no encryption; the password was not sent.")


def _write(message: EmailMessage, folder: Path) -> None:
    """One file a Message-ID, whole or not at all, readable by its owner only."""
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(message["Message-ID"].encode()).hexdigest()[:32]
    with NamedTemporaryFile(dir=folder, suffix=".tmp", delete=False) as file:
        file.write(message.as_bytes())
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(folder / f"{name}.eml")


def _address(to: str) -> str:
    """`to` with its domain in ASCII. Raises InvalidField for anything but one bare address."""
    match = _ADDRESS.fullmatch(to)
    if match is None or not to.isprintable():
        raise InvalidField("Not an e-mail address.")
    try:
        return f"{match[1]}@{match[2].encode('idna').decode('ascii')}"
    except UnicodeError:
        raise InvalidField("Not an e-mail address.") from None


def _one_line(text: str) -> str:
    """Without line breaks and other control characters, with which a value could pretend to be further headers."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
