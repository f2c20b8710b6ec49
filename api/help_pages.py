"""The public help centre: one readable page an article, and their list."""

from html import escape
from itertools import groupby

import nh3
from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from markdown_it import MarkdownIt

from api.deps import ReadDep, access
from api.web import plain_page
from errors import NotFound
from tools.articles import list_published, read_published

router = APIRouter(prefix="/help", tags=["help centre"], default_response_class=HTMLResponse)

TAGS = {
    "a", "blockquote", "br", "code", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
"""No images: an article must not make a reader's browser call other hosts."""
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


def rendered(markdown: str) -> str:
    """Safe HTML; links lead to other articles or openly elsewhere, and nothing is loaded from anywhere."""
    return nh3.clean(
        MARKDOWN.render(markdown), tags=TAGS, attributes={"a": {"href"}}, url_schemes={"http", "https", "mailto"}
    )


@router.get("", openapi_extra=access("public"))
def list_articles(session: ReadDep) -> HTMLResponse:
    """All published articles by category."""
    sections = [
        f"<h2>{escape((category or 'Other').replace('_', ' ').capitalize())}</h2><ul>"
        + "".join(f'<li><a href="/help/{slug}">{escape(title)}</a></li>' for slug, title, _ in articles)
        + "</ul>"
        for category, articles in groupby(list_published(session), key=lambda article: article[2])
    ]
    body = "".join(sections) or "<p>There are no articles yet.</p>"
    return _page("Help centre", f"<h1>Help centre</h1>{body}")


@router.get("/{slug}", openapi_extra=access("public"))
def read_article(slug: str, session: ReadDep) -> HTMLResponse:
    """One article, as its newest published version."""
    try:
        article = read_published(session, slug)
    except NotFound:
        return _page(
            "Not found",
            "<h1>No such article</h1><p>It may have been withdrawn or renamed. "
            'See <a href="/help">all articles</a> or <a href="/">ask Clara</a>.</p>',
            status=404,
        )
    updated = f"<p><small>Updated {article.updated_at:%d %B %Y}</small></p>"
    title = escape(article.title)
    return _page(title, f"<article><h1>{title}</h1>{rendered(article.body)}{updated}</article>")


def _page(title: str, body: str, status: int = 200) -> HTMLResponse:
    navigation = '<nav><a href="/help">Help centre</a> · <a href="/">Ask Clara</a></nav>'
    return plain_page(f"{title} · Clara", navigation + body, status)
