"""Column types that mean the same on SQLite and PostgreSQL, and the declarative base."""

import enum
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, DateTime, Dialect, Enum, MetaData, String, Text, TypeDecorator, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeEngine


class Id(TypeDecorator[UUID]):
    """A UUID: native on PostgreSQL, the usual text with dashes on SQLite, so that people can paste it into SQL."""

    impl = String(36)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Uuid() if dialect.name == "postgresql" else String(36))

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> UUID | str | None:
        return value if value is None or dialect.name == "postgresql" else str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> UUID | None:
        return value if value is None or isinstance(value, UUID) else UUID(value)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, always in UTC. SQLite itself would give back naive ones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc_now() -> datetime:
    return datetime.now(UTC)


JSON_DOCUMENT = JSON().with_variant(JSONB(), "postgresql")


class Table(DeclarativeBase):
    """Constraints are named by convention: Alembic's batch mode on SQLite would lose unnamed ones."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        str: Text(),
        UUID: Id(),
        datetime: UtcDateTime(),
        dict[str, Any]: JSON_DOCUMENT,
        list[Any]: JSON_DOCUMENT,
        list[str]: JSON_DOCUMENT,
        # by value, not by name, with a CHECK: a native PostgreSQL enum cannot be altered inside a transaction
        enum.Enum: Enum(
            enum.Enum,
            values_callable=lambda kind: [member.value for member in kind],
            native_enum=False,
            create_constraint=True,
            length=32,
        ),
    }


class WithId:
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)


class Timed:
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
