"""A copy of a running SQLite installation. Not of Postgres, which has its own tools."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from headrace.model.ids import BlobKey, new_id
from headrace.store.blobs import Blobs
from headrace.store.database import Database


def copy_database(database: Database, target: Path) -> Path:
    """The database as of one moment, in one file; writers do not wait for it.

    The copy gets an epoch of its own, so that watchers of the original never mistake its log for theirs.
    """
    with closing(sqlite3.connect(f"file:{database.file}?mode=ro", uri=True)) as source:
        source.execute("PRAGMA busy_timeout=30000")
        source.execute("VACUUM INTO ?", (str(target),))
    target.chmod(0o600)
    with closing(sqlite3.connect(target)) as copy, copy:
        copy.execute("UPDATE installation SET value = ? WHERE name = 'epoch'", (new_id().replace("-", "")[-10:],))
    return target


def copy_blobs(database_copy: Path, source: Path, target: Path) -> tuple[int, int]:
    """Copy the bytes of every document in the copied database; how many files, and how many were gone already."""
    with closing(sqlite3.connect(database_copy)) as copy:
        keys = [BlobKey(row[0]) for row in copy.execute("SELECT DISTINCT blob_key FROM document")]
    return _copied(keys, Blobs(source), Blobs(target))


def _copied(keys: list[BlobKey], source: Blobs, target: Blobs) -> tuple[int, int]:
    missing = 0
    for key in keys:
        path = target.path(key)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            shutil.copyfile(source.path(key), path)
        except FileNotFoundError:
            missing += 1
    return len(keys) - missing, missing
