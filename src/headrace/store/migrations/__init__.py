"""The schema's history, and the one verb that brings a database up to date.

Alembic is loaded only where there is something to apply: a start has no time for it.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from headrace.model.ids import new_id
from headrace.store.database import Database
from headrace.store.schema import installation

if TYPE_CHECKING:
    from alembic.config import Config

logger = logging.getLogger(__name__)

ADVISORY_LOCK = 7_155_170
ALEMBIC_TABLE = "alembic_version"
VERSIONS = Path(__file__).parent / "versions"


def upgrade(database: Database, revision: str = "head") -> None:
    """Apply what is missing, up to a revision. Safe to call from several processes at once.

    Does nothing on a current database; nor on one that a newer version has migrated, for migrations only add.
    """
    if database.file:
        database.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with database.engine.begin() as connection:  # SQLite: BEGIN IMMEDIATE, so one at a time
        if not database.is_sqlite:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # the tables may be large
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
        found = current(connection)
        if found is not None and not is_known(found):
            logger.warning("the database is at revision %s, of a newer version than this; going on with it", found)
        elif found != head():
            from alembic import command

            command.upgrade(_config(connection), revision)
        _name_the_log(connection)


def current(connection: sa.Connection) -> str | None:
    """The revision that a database is at."""
    if not sa.inspect(connection).has_table(ALEMBIC_TABLE):
        return None
    return connection.scalar(sa.select(sa.column("version_num")).select_from(sa.table(ALEMBIC_TABLE)))


def is_known(revision: str) -> bool:
    """Whether that revision is one of this version's; those of later versions are not."""
    return any(VERSIONS.glob(f"{revision}_*.py"))


def head() -> str | None:
    """The revision that this code expects: the newest, by the number that its file's name begins with."""
    return max((file.name.partition("_")[0] for file in VERSIONS.glob("[0-9]*_*.py")), default=None)


def _config(connection: sa.Connection | None = None) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


def _name_the_log(connection: sa.Connection) -> None:
    if connection.scalar(sa.select(installation.c.value).filter_by(name="epoch")) is None:
        epoch = new_id().replace("-", "")[-10:]
        connection.execute(sa.insert(installation).values(name="epoch", value=epoch))
