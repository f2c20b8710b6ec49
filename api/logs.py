"""Logs: one JSON object a line on stderr, or coloured text on a terminal; personal values never."""

import logging
import re
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from settings import Settings

PERSONAL_WORDS = frozenset({"email", "name", "text", "password", "token", "authorization", "cookie", "secret"})
"""A value is dropped when the last word of its key is one of these: `customer_email`, `access_token`."""
EMAIL_ADDRESS = re.compile(r"[\w.+%-]{1,64}@[\w-]+(?:\.[\w-]+)+")
REMOVED = "[removed]"

CHATTY = ("alembic.runtime.migration", "httpx", "httpx2", "uvicorn.access")
"""Loggers that write a line whenever something is asked; only their warnings are kept."""


def configure_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Send structlog, the standard library's loggers and uvicorn's to `stream` (stderr), from `settings.log_level` up.

    Run uvicorn with `log_config=None`, else it puts its own handlers back.
    """
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.StackInfoRenderer(),
                structlog.processors.format_exc_info,  # before the next, which so sees the traceback's text
                remove_personal_values,
                _renderer(stream),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _renderer(stream: TextIO) -> Processor:
    if stream.isatty():
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer()


def remove_personal_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop what belongs to a person: values by the word that ends their key, and e-mail addresses inside any text."""
    return {key: _cleaned(key, value) for key, value in event.items()}


def _cleaned(key: object, value: Any) -> Any:
    if str(key).lower().replace("-", "_").rpartition("_")[2] in PERSONAL_WORDS:
        return REMOVED
    if isinstance(value, dict):
        return {inner: _cleaned(inner, item) for inner, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned("", item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return EMAIL_ADDRESS.sub(REMOVED, value if isinstance(value, str) else repr(value))
