"""Customers: the people who write in."""

from sqlalchemy.orm import Mapped, mapped_column

from memory.tables.base import Table, Timed, WithId


class Customer(WithId, Timed, Table):
    __tablename__ = "customers"

    name: Mapped[str | None]
    email: Mapped[str | None] = mapped_column(unique=True)
    """Lower case; unknown for somebody who only chats."""
    company: Mapped[str | None]
    phone: Mapped[str | None]
    vip: Mapped[bool] = mapped_column(default=False)
    locale: Mapped[str] = mapped_column(default="en")
    time_zone: Mapped[str] = mapped_column(default="UTC")
    """IANA name."""
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}
