"""Every knob, read once from the environment (prefix `CLARA_`) and an optional `.env` file."""

from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).parent
KB_DATA = PROJECT / "kb_data"
WEB_DIST = PROJECT / "web" / "dist"
"""Where the web application is built to."""


class Settings(BaseSettings):
    """Times are in seconds and sizes in bytes unless a name says otherwise."""

    model_config = SettingsConfigDict(env_prefix="CLARA_", env_file=".env", extra="ignore", frozen=True)

    home: Path = Path("var")
    """Every file Clara writes is under this folder."""
    database_url: str | None = None
    """SQLAlchemy URL; by default SQLite in the home. `postgresql://` means psycopg 3."""
    database_pool_size: int = Field(default=48, ge=1)
    """Connections; at least the number of threads that may wait for SQL at once."""
    public_url: str = "http://127.0.0.1:8000"
    """Where customers reach Clara: links in mails and citations outside the web app."""

    # confidence: the seed's two thresholds, probabilities
    answer_at: float = Field(default=0.85, ge=0, le=1)
    suggest_at: float = Field(default=0.70, ge=0, le=1)
    clarify_at: float = Field(default=0.40, ge=0, le=1)
    """Below this, asking back would not help: the question goes to a person."""

    # the turn
    history_messages: int = Field(default=8, ge=0)
    """How many earlier messages the agents see."""
    message_characters: int = Field(default=10_000, ge=1)
    turn_lease: float = Field(default=15, gt=0)
    """A running turn whose owner has not renewed it for this long is run again."""

    # a language model, when there is one
    llm: str = "none"
    """`none`, `auto` (Ollama if it answers), `ollama:NAME`, or any `init_chat_model` name."""
    llm_timeout: float = Field(default=20, gt=0)
    """After this long without a finished answer the extractive answer is given."""
    ollama_url: str = "http://127.0.0.1:11434"
    encoder: str = "minilm-int8"
    """`minilm-int8`, or `sentence-transformers:NAME` with the extra of that name."""

    # mail
    smtp_url: SecretStr | None = None
    """`smtp://user:password@host:587` (STARTTLS when offered) or `smtps://…:465`; unset: mails become files."""
    mail_from: str = "Clara Support <support@clara.example>"

    # signing in
    secret_key: SecretStr | None = None
    """At least 32 bytes; by default made once and kept in the home, readable by its owner only."""
    password: SecretStr | None = None
    """For the users that `seed` and `user add` make; else one is made up (seed) or asked for."""
    access_token_lifetime: int = Field(default=900, ge=60, le=900)
    refresh_token_lifetime: int = Field(default=14 * 86_400, ge=3_600)
    customer_token_lifetime: int = Field(default=30 * 86_400, ge=3_600)
    bcrypt_cost: int = Field(default=12, ge=4, le=16)

    # limits
    messages_per_minute: int = Field(default=20, ge=1)
    """Per conversation."""
    conversations_per_hour: int = Field(default=60, ge=1)
    """New conversations per client address."""
    logins_per_minute: int = Field(default=20, ge=1)
    """Per client address."""
    body_bytes: int = Field(default=1_000_000, ge=1_000)
    """Largest request body outside uploads."""
    upload_bytes: int = Field(default=25_000_000, ge=1_000)
    trusted_proxies: int = Field(default=0, ge=0)
    """How many proxies in front add to `X-Forwarded-For`; 0 ignores the header."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @cached_property
    def url(self) -> str:
        """The SQLAlchemy URL in use."""
        if self.database_url is None:
            return f"sqlite:///{self.home.resolve() / 'clara.db'}"
        scheme, rest = self.database_url.split("://", 1)
        return f"postgresql+psycopg://{rest}" if scheme in ("postgres", "postgresql") else self.database_url

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")
