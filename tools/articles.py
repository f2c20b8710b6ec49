"""Articles of the help centre: written, versioned, published, withdrawn."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from errors import NotFound
from memory.knowledge.build import raise_knowledge_revision
from memory.knowledge.chunking import passages
from memory.knowledge.documents import Document
from memory.tables import Article, ArticleStatus, ArticleVersion, Chunk
from memory.tables.base import utc_now
from tools.permissions import Actor, Permission, require

SLUG_CHARACTERS = 80

CountTokens = Callable[[str], int]


class Put(StrEnum):
    """What became of a document."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class PutArticle:
    article: Article
    outcome: Put


def put_document(session: Session, actor: Actor, document: Document, count_tokens: CountTokens) -> PutArticle:
    """Publish a document: new, as a new version of the article with the same source, or not at all if unchanged."""
    require(actor, Permission.KB_CREATE)
    require(actor, Permission.KB_PUBLISH)
    article = session.scalar(select(Article).where(Article.source == document.source).with_for_update())
    content_hash = _content_hash(document)
    if article is None:
        article = Article(slug=free_slug(session, document.slug or document.title), source=document.source, version=1)
        session.add(article)
        outcome = Put.CREATED
    elif article.content_hash == content_hash and article.status is ArticleStatus.PUBLISHED:
        return PutArticle(article, Put.UNCHANGED)
    else:
        article.version += 1
        outcome = Put.CHANGED
    article.title, article.body = document.title, document.body
    article.category, article.tags = document.category, list(document.tags)
    article.questions = list(document.questions)
    article.content_hash = content_hash
    article.status, article.published_at = ArticleStatus.PUBLISHED, utc_now()
    session.flush()
    _keep_version(session, actor, article, count_tokens)
    raise_knowledge_revision(session)
    return PutArticle(article, outcome)


def archive_all_but(session: Session, actor: Actor, sources: set[str]) -> int:
    """Withdraw every published article whose source is not among `sources`; returns how many."""
    require(actor, Permission.KB_PUBLISH)
    published = session.execute(
        select(Article.id, Article.source).where(Article.status == ArticleStatus.PUBLISHED)
    ).all()
    withdrawn = [article_id for article_id, source in published if source not in sources]
    if withdrawn:
        session.execute(update(Article).where(Article.id.in_(withdrawn)).values(status=ArticleStatus.ARCHIVED))
        raise_knowledge_revision(session)
    return len(withdrawn)


def read_published(session: Session, slug: str) -> Article:
    """The article behind `/help/{slug}`. Raises NotFound for drafts and archived ones too."""
    article = session.scalar(select(Article).where(Article.slug == slug, Article.status == ArticleStatus.PUBLISHED))
    if article is None:
        raise NotFound("No such article.")
    return article


def list_published(session: Session) -> list[tuple[str, str, str | None]]:
    """Slug, title and category of every published article, by category and title."""
    rows = session.execute(
        select(Article.slug, Article.title, Article.category)
        .where(Article.status == ArticleStatus.PUBLISHED)
        .order_by(Article.category, Article.title)
    )
    return [(slug, title, category) for slug, title, category in rows]


def free_slug(session: Session, wanted: str) -> str:
    """A slug made from `wanted` that no article has: with `-2`, `-3`, … where it is taken."""
    plain = unicodedata.normalize("NFKD", wanted).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:SLUG_CHARACTERS].strip("-") or "article"
    taken = set(session.scalars(select(Article.slug).where(Article.slug.startswith(base, autoescape=True))))
    if base not in taken:
        return base
    return next(slug for number in range(2, len(taken) + 3) if (slug := f"{base}-{number}") not in taken)


def _keep_version(session: Session, actor: Actor, article: Article, count_tokens: CountTokens) -> None:
    """Record the article's current text as a version and cut it into passages in place of the last version's."""
    session.add(
        ArticleVersion(
            article_id=article.id, version=article.version, title=article.title, body=article.body, created_by=actor.id
        )
    )
    session.execute(delete(Chunk).where(Chunk.article_id == article.id))
    session.add_all(
        Chunk(
            article_id=article.id,
            version=article.version,
            position=passage.position,
            heading_path=passage.heading_path,
            content=passage.content,
            content_hash=hashlib.sha256(passage.content.encode()).hexdigest(),
        )
        for passage in passages(article.body, count_tokens)
    )
    session.flush()


def article_version(session: Session, article_id: UUID, version: int) -> ArticleVersion:
    """The text that a citation of `version` quotes. Raises NotFound."""
    found = session.scalar(
        select(ArticleVersion).where(ArticleVersion.article_id == article_id, ArticleVersion.version == version)
    )
    if found is None:
        raise NotFound("No such version of the article.")
    return found


def _content_hash(document: Document) -> str:
    parts = [document.title, document.category, list(document.tags), list(document.questions), document.body]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()
