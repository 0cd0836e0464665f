"""What is sent when a person names files and folders: which files, in which jobs, and what is left out and why."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from headrace.model.errors import UnsupportedType
from headrace.pipeline.sniff import sniff

FILES_PER_JOB = 1_000
BYTES_PER_JOB = 1_900_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One file. It is sent if `skipped` is None, else that says why not."""

    path: Path
    size: int = 0
    skipped: str | None = None


def find_files(paths: Iterable[Path]) -> Iterator[Found]:
    """Every file below `paths`, in order of names; what is named itself is never skipped for being hidden."""
    for path in paths:
        if path.is_dir():
            yield from _below(path)
        else:
            yield _judged(path)


def _below(folder: Path) -> Iterator[Found]:
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        yield Found(path=folder, skipped=_plain(error))
        return
    for path in inside:
        if path.name.startswith("."):
            yield Found(path=path, skipped="hidden")
        elif path.is_dir():
            yield from _linked(path) if path.is_symlink() else _below(path)
        else:
            yield _judged(path)


def _linked(folder: Path) -> Iterator[Found]:
    yield Found(path=folder, skipped="a link to a folder")


def _judged(path: Path) -> Found:
    """A file that the server would refuse is left out here, since one such file would have it refuse them all."""
    try:
        if not path.is_file():
            return Found(path=path, skipped="not a file")
        size = path.stat().st_size
        if not size:
            return Found(path=path, skipped="empty")
        sniff(path, path.name)
    except OSError as error:
        return Found(path=path, skipped=_plain(error))
    except UnsupportedType as error:
        return Found(path=path, skipped=error.detail)
    return Found(path=path, size=size)


def _plain(error: OSError) -> str:
    return (error.strerror or "cannot be read").lower()


def in_jobs(files: Iterable[Found]) -> Iterator[list[Found]]:
    """The files in lots that one request may carry."""
    lot: list[Found] = []
    size = 0
    for file in files:
        if lot and (len(lot) == FILES_PER_JOB or size + file.size > BYTES_PER_JOB):
            yield lot
            lot, size = [], 0
        lot.append(file)
        size += file.size
    if lot:
        yield lot
