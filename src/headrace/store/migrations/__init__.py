"""The schema's history, and the one verb that brings a database up to date."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from headrace.model.ids import new_id
from headrace.store.database import Database
from headrace.store.schema import installation

ADVISORY_LOCK = 7_155_170


def upgrade(database: Database) -> None:
    """Apply what is missing. Safe to call from several processes at once; does nothing on a current database."""
    if database.file:
        database.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with database.engine.begin() as connection:  # SQLite: BEGIN IMMEDIATE, so one at a time
        if not database.is_sqlite:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # the tables may be large
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
        if current(connection) != head():
            command.upgrade(_config(connection), "head")
        _name_the_log(connection)


def current(connection: sa.Connection) -> str | None:
    """The revision that a database is at."""
    return MigrationContext.configure(connection).get_current_revision()


def head() -> str | None:
    """The revision that this code expects."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


def _name_the_log(connection: sa.Connection) -> None:
    if connection.scalar(sa.select(installation.c.value).filter_by(name="epoch")) is None:
        epoch = new_id().replace("-", "")[-10:]
        connection.execute(sa.insert(installation).values(name="epoch", value=epoch))
