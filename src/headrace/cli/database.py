"""`headrace db`: upgrade, backup and check the database, while the server runs; move it, while nothing does."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli.options import DatabaseUrl, DataDir, settings_from, usage
from headrace.cli.terminal import REFUSED, complain, say

if TYPE_CHECKING:
    from headrace.settings import Settings
    from headrace.store.database import Database

group = typer.Typer(help="Look after the database.", no_args_is_help=True, rich_markup_mode=None)

BackupFolder = Annotated[
    Path | None, typer.Argument(metavar="[FOLDER]", help="A new folder; named after the time by default.")
]


def register(app: typer.Typer) -> None:
    """Add the group of this file."""
    app.add_typer(group, name="db")


@group.command()
def upgrade(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Bring the schema up to date; the server does so when it starts, too."""
    from headrace.store import migrations
    from headrace.store.database import Database

    settings = settings_from(data_dir=data_dir, database_url=database_url)
    database = Database.of(settings)
    migrations.upgrade(database)
    say(f"{_shown(database)} is at revision {migrations.head()}")
    database.close()


@group.command()
def backup(folder: BackupFolder = None, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Copy the database and the documents' bytes, as of one moment, into a folder that can be served as it is."""
    from headrace.cli.backup import copy_blobs, copy_database

    settings = settings_from(data_dir=data_dir, database_url=database_url)
    if not settings.is_sqlite:
        raise usage("Postgres has its own: pg_dump; after a restore, run: headrace db renew-epoch")
    database = _existing(settings)
    target = folder or Path(f"headrace-backup-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    if target.exists() and any(target.iterdir()):
        raise usage(f"{str(target)!r} is not empty; name a new folder")
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = copy_database(database, target / "headrace.db")
    database.close()
    if settings.blobs_url is not None:
        say(f"{target}: headrace.db ({file.stat().st_size:,} bytes); the documents' bytes stay in {settings.blobs_url}")
        return
    copied, missing = copy_blobs(file, settings.data_dir / "blobs", target / "blobs")
    say(f"{target}: headrace.db ({file.stat().st_size:,} bytes) and {copied} files of documents")
    if missing:
        complain(f"{missing} documents were deleted while they were being copied")
    say(f"serve it with: headrace serve --data-dir {target}")


@group.command()
def check(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Look for damage: integrity, foreign keys, revision, rows and bytes that have lost each other."""
    from headrace.cli.checkup import findings
    from headrace.store.blobs import open_blobs

    settings = settings_from(data_dir=data_dir, database_url=database_url)
    database = _existing(settings)
    found = list(findings(database, open_blobs(settings)))
    database.close()
    for finding in found:
        say(f"{'ok ' if finding.is_fine else 'BAD'}  {finding.name}: {finding.told}")
    if not all(finding.is_fine for finding in found):
        raise typer.Exit(REFUSED)


@group.command()
def move(
    to: Annotated[str, typer.Option(metavar="URL", help="An empty Postgres database: postgresql://user@host/name")],
    bytes_to: Annotated[
        str | None, typer.Option(metavar="URL", help="s3://bucket/prefix, for the documents' bytes; they stay else.")
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Move a stopped SQLite installation into Postgres: all or nothing, and whoever watches goes on where they were."""
    from headrace.cli import move as moving

    source = settings_from(data_dir=data_dir, database_url=database_url)
    target = settings_from(data_dir=data_dir, database_url=to, blobs_url=bytes_to)
    moving.move(source.model_copy(update={"blobs_url": None}), target)
    bytes_there = f" HEADRACE_BLOBS_URL={bytes_to}" if bytes_to else ""
    say(f"moved; from now on: HEADRACE_DATABASE_URL=postgresql://...{bytes_there} headrace serve")


@group.command("renew-epoch")
def renew_epoch(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Say that this database was restored from a backup, while nothing runs on it: its log gets a name of its own."""
    from headrace.cli.move import renew_epoch as renew

    database = _existing(settings_from(data_dir=data_dir, database_url=database_url))
    with database.write(durable=True) as transaction:
        epoch = renew(transaction)
    database.close()
    say(f"the log is {epoch} from now on; start the servers again")


def _existing(settings: "Settings") -> "Database":
    from headrace.store.database import Database

    database = Database.of(settings)
    if database.file and not database.file.exists():
        raise usage(f"there is no database {_shown(database)}; give --data-dir, or start with: headrace serve")
    return database


def _shown(database: "Database") -> str:
    return str(database.file or database.url.render_as_string(hide_password=True))
