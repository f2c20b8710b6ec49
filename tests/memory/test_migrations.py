"""The schema's history: every earlier, filled database arrives at the newest schema with its rows and constraints."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Engine, Enum, MetaData, inspect, text
from sqlalchemy import Table as TableThen
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from memory.database import open_engine
from memory.migrations import HERE, current_revision, head_revision, migrate
from memory.tables import Table
from memory.tables.base import Id, UtcDateTime
from tests.conftest import database_url, execute

REVISIONS = [script.revision for script in reversed(list(ScriptDirectory(str(HERE)).walk_revisions()))]
MOMENT = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@pytest.fixture
def engine(database_kind, tmp_path, request) -> Iterator[Engine]:
    """An empty database of each kind."""
    url = f"sqlite:///{tmp_path / 'clara.db'}"
    if database_kind == "postgresql":
        server, name = request.getfixturevalue("postgres_server"), f"test_{uuid4().hex}"
        execute(server, f"CREATE DATABASE {name}")
        url = make_url(database_url(server, name)).set(drivername="postgresql+psycopg").render_as_string(False)
    opened = open_engine(url)
    yield opened
    opened.dispose()
    if database_kind == "postgresql":
        execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def fill(engine: Engine) -> dict[str, dict[str, object]]:
    """Put one row into every table, each foreign key pointing at one of them; returns the rows."""
    found = MetaData()
    found.reflect(engine)
    rows: dict[str, dict[str, object]] = {}
    with engine.begin() as connection:
        for table in found.sorted_tables:
            if table.name == "alembic_version":
                continue
            known = Table.metadata.tables.get(table.name, table)
            columns = [known.columns.get(column.name, column) for column in table.columns]
            rows[table.name] = {column.name: value_for(column, rows) for column in columns}
            # with today's types, but the columns of its time
            past = TableThen(table.name, MetaData(), *(Column(column.name, column.type) for column in columns))
            connection.execute(past.insert(), rows[table.name])
    return rows


def value_for(column: Column, rows: dict[str, dict[str, object]]) -> object:
    for key in column.foreign_keys:
        parent, _, referred = key.target_fullname.partition(".")
        if parent in rows:
            return rows[parent][referred]
        return None  # a ring of references: this end of it is nullable
    if isinstance(column.type, Enum):
        return column.type.enums[0] if column.type.enum_class is None else next(iter(column.type.enum_class))
    if isinstance(column.type, UtcDateTime):
        return MOMENT + timedelta(hours=column.name.startswith("end"))
    if isinstance(column.type, Id):
        return uuid4()
    kind = column.type.python_type
    plain = {str: f"{column.name} ✓", int: 1, float: 0.5, bool: True, bytes: b"\0\1", date: MOMENT.date()}
    return plain.get(kind, {"kept": [1, "✓"]})


def constraints(engine: Engine) -> dict[str, set[str | None]]:
    """Names of all constraints and indexes by table; primary keys need none, nothing drops them."""
    seen = inspect(engine)
    return {
        table: {
            item["name"]
            for items in (
                seen.get_check_constraints(table),
                seen.get_foreign_keys(table),
                seen.get_unique_constraints(table),
                seen.get_indexes(table),
            )
            for item in items
        }
        for table in seen.get_table_names()
        if table != "alembic_version"
    }


@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_a_filled_database_of_each_earlier_revision_arrives_whole(engine, revision, tmp_path):
    migrate(engine, revision)
    before = fill(engine)
    had = constraints(engine)

    assert migrate(engine) is True

    with engine.connect() as connection:
        assert current_revision(connection) == head_revision()
        for name, row in before.items():
            table = Table.metadata.tables[name]
            kept = connection.execute(table.select()).mappings().all()
            assert [{column: found[column] for column in row} for found in kept] == [row], name
        if engine.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
            assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    now = constraints(engine)
    assert all(names <= now[table] for table, names in had.items())


def test_the_numbers_order_the_revisions():
    assert sorted(REVISIONS) == REVISIONS
    assert head_revision() == REVISIONS[-1]


def test_the_newest_schema_is_what_the_tables_say(engine):
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, Table.metadata) == []
    assert migrate(engine) is False


def test_every_constraint_has_a_name_and_every_foreign_key_an_index(engine):
    migrate(engine)
    assert all(None not in names for names in constraints(engine).values())
    seen = inspect(engine)
    bare = []
    for table in seen.get_table_names():
        leading = {tuple(index["column_names"][:1]) for index in seen.get_indexes(table)}
        leading |= {tuple(unique["column_names"][:1]) for unique in seen.get_unique_constraints(table)}
        leading.add(tuple(seen.get_pk_constraint(table)["constrained_columns"][:1]))
        keys = [tuple(key["constrained_columns"][:1]) for key in seen.get_foreign_keys(table)]
        bare += [(table, key) for key in keys if key not in leading]
    assert bare == []


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("tickets", "status", "lost"),
        ("tickets", "priority", "whatever"),
        ("tickets", "rag_confidence", 1.5),
        ("turns", "confidence", -0.1),
        ("users", "role", "king"),
        ("meetings", "end_time", MOMENT - timedelta(days=1)),
        ("slas", "resolve_within", 0),
        ("tickets", "queue_id", uuid4()),
        ("messages", "conversation_id", uuid4()),
        ("users", "email", None),
    ],
)
def test_the_database_itself_refuses_what_must_not_be(engine, table, column, value):
    migrate(engine)
    fill(engine)
    given = str(value) if engine.dialect.name == "sqlite" and not isinstance(value, float | int | None) else value
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text(f"UPDATE {table} SET {column} = :value"), {"value": given})


def test_tables_and_columns_of_the_guide_are_there(engine):
    """Names by which the guide, and people's own reports, know them."""
    migrate(engine)
    seen = inspect(engine)
    wanted = {
        "users": "email password_hash display_name avatar_url role is_active team created_at updated_at last_login",
        "permissions": "code description category",
        "role_permissions": "role permission_id",
        "meetings": "title description start_time end_time location meeting_url organizer_id status meeting_type notes",
        "tasks": "title description assigned_to created_by priority status due_date completed_at related_ticket_id "
        "related_meeting_id tags",
        "team_metrics": "team date tickets_created tickets_resolved tickets_escalated avg_resolution_time "
        "tasks_completed meetings_held created_at",
        "system_logs": "level message user_id module action metadata created_at",
        "tickets": "number subject description channel customer_id intent category priority status queue_id "
        "assigned_to sla_id respond_by resolve_by first_responded_at resolved_at rag_confidence auto_resolve_attempts "
        "metadata version created_at updated_at",
        "customers": "name email company vip locale time_zone",
        "queues": "name team",
        "slas": "name priority respond_within resolve_within",
        "ticket_history": "ticket_id action comment old_values new_values changed_by created_at",
        "kb_articles": "slug title body category tags status version",
        "kb_chunks": "article_id version position heading_path content content_hash",
        "citations": "ticket_id conversation_id article_id version chunk_id quote score",
    }
    for table, columns in wanted.items():
        assert set(columns.split()) <= {column["name"] for column in seen.get_columns(table)}, table
