"""${message}."""

import sqlalchemy as sa
from alembic import op

from memory.tables.base import JSON_DOCUMENT, Id, UtcDateTime

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}

def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
