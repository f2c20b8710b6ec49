"""An article knows the questions that it answers, as customers word them."""

import sqlalchemy as sa
from alembic import op

from memory.tables.base import JSON_DOCUMENT

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("kb_articles", sa.Column("questions", JSON_DOCUMENT, nullable=False, server_default="[]"))
