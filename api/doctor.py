"""What is configured, reachable and missing, for the person who runs Clara. Never shows a secret."""

import smtplib
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from sqlalchemy.exc import SQLAlchemyError

from errors import Unavailable
from memory.database import open_sessions, reading
from memory.knowledge.build import knowledge_revision
from memory.knowledge.index import current_folder, read_manifest
from memory.migrations import current_revision, head_revision
from settings import WEB_DIST, Settings

PROBE_SECONDS = 3.0
"""How long another server has to answer."""


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    ok: bool
    detail: str


def examine(settings: Settings) -> list[Finding]:
    return [
        Finding("home", settings.home.exists(), str(settings.home)),
        _database(settings),
        _index(settings),
        _model(settings),
        _mail(settings),
        Finding("web", WEB_DIST.exists(), "built" if WEB_DIST.exists() else "not built: run `make setup`"),
    ]


def _database(settings: Settings) -> Finding:
    kind = "SQLite" if settings.is_sqlite else "PostgreSQL"
    if settings.is_sqlite and not (settings.home / "clara.db").exists() and settings.database_url is None:
        return Finding("database", False, "SQLite, not there yet: run `clara migrate`")
    try:
        with reading(open_sessions(settings)) as session:
            revision = current_revision(session.connection())
    except SQLAlchemyError as fault:
        return Finding("database", False, f"{kind}, not reachable ({type(fault).__name__})")
    if revision != head_revision():
        return Finding("database", False, f"{kind} at {revision or 'no revision'}: run `clara migrate`")
    return Finding("database", True, f"{kind} at {revision}")


def _index(settings: Settings) -> Finding:
    folder = current_folder(settings.home / "index")
    if folder is None:
        return Finding("index", False, "none yet: run `clara seed` or `clara ingest`")
    try:
        manifest = read_manifest(folder)
        with reading(open_sessions(settings)) as session:
            newest = knowledge_revision(session)
    except (Unavailable, SQLAlchemyError, OSError) as fault:
        return Finding("index", False, f"not usable ({type(fault).__name__})")
    size = f"{manifest.articles} articles, {manifest.passages} passages, encoder {manifest.encoder}"
    if manifest.revision < newest:
        return Finding("index", False, f"{size}; articles have changed since: run `clara ingest` or start the worker")
    return Finding("index", True, size)


def _model(settings: Settings) -> Finding:
    if settings.llm == "none":
        return Finding("model", True, "none: answers are quoted from the help centre")
    if settings.llm != "auto" and not settings.llm.startswith("ollama:"):
        return Finding("model", True, f"{settings.llm}, not tried")
    try:
        names = [model["name"] for model in _ollama_models(settings.ollama_url)]
    except (httpx.HTTPError, ValueError, KeyError):
        return Finding("model", settings.llm == "auto", "Ollama does not answer; answers are quoted instead")
    wanted = settings.llm.removeprefix("ollama:")
    if settings.llm == "auto":
        return Finding("model", True, f"Ollama with {', '.join(names) or 'no model'}")
    has_it = any(name in (wanted, f"{wanted}:latest") for name in names)
    return Finding("model", has_it, wanted if has_it else f"Ollama has no {wanted}: run `ollama pull {wanted}`")


def _ollama_models(url: str) -> list[dict[str, str]]:
    answer = httpx.get(f"{url}/api/tags", timeout=PROBE_SECONDS).raise_for_status().json()
    models: list[dict[str, str]] = answer["models"]
    return models


def _mail(settings: Settings) -> Finding:
    if settings.smtp_url is None:
        return Finding("mail", True, f"no server set: mails become files in {settings.home / 'mail'}")
    url = urlsplit(settings.smtp_url.get_secret_value())
    connect = smtplib.SMTP_SSL if url.scheme == "smtps" else smtplib.SMTP
    try:
        with connect(url.hostname or "", url.port or 0, timeout=PROBE_SECONDS) as server:
            server.noop()
    except (OSError, smtplib.SMTPException) as fault:
        return Finding("mail", False, f"{url.hostname} does not answer ({type(fault).__name__})")
    return Finding("mail", True, f"{url.hostname} answers")
