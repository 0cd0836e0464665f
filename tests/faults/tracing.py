"""Reads what strace saw of a server, and says whether an answer was sent before all it promises was on the disk."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

CALLS = "write,pwrite64,pwritev,pwritev2,writev,sendto,sendmsg,fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat"
SYNCS = {"fsync", "fdatasync"}
WRITES = {"write", "pwrite64", "pwritev", "pwritev2", "writev"}
SENDS = {"write", "writev", "sendto", "sendmsg"}

_LINE = re.compile(r"(?:(\d+)\s+)?(.*)")
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)")
_BEGUN = re.compile(r"(\w+)\((.*)")
_PATH = re.compile(r"\d+<([^>]*)>")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Call:
    """One system call: the lines on which it began and ended, its name, and its arguments with the result."""

    began: int
    ended: int
    name: str
    text: str

    @property
    def path(self) -> str:
        """The file behind its descriptor."""
        found = _PATH.match(self.text)
        return found[1].removesuffix(" (deleted)") if found else ""

    @property
    def names(self) -> list[str]:
        """The paths that it was given."""
        return _QUOTED.findall(self.text)


def read_calls(log: str) -> list[Call]:
    """The calls that succeeded, by the time of their end; one interrupted by another thread's is put together."""
    calls, begun = [], {}
    for number, line in enumerate(log.splitlines()):
        thread, rest = _LINE.fullmatch(line).groups()  # type: ignore[union-attr]
        if resumed := _RESUMED.match(rest):
            at, name, text = begun.pop((thread, resumed[1]), (number, resumed[1], ""))
            rest_of_it = resumed[2]
        elif found := _BEGUN.match(rest):
            at, name, text, rest_of_it = number, found[1], "", found[2]
            if rest_of_it.endswith("<unfinished ...>"):
                begun[thread, name] = (number, name, rest_of_it.removesuffix("<unfinished ...>"))
                continue
        else:
            continue
        if not re.search(r"= -1 E\w+", rest_of_it):
            calls.append(Call(at, number, name, text + rest_of_it))
    return calls


ACCEPTED = ("HTTP/1.1 201", "HTTP/1.1 202")
ACKNOWLEDGED = (r"\0<\0P",)
"""`basic.ack`, class 60 and method 80 (AMQP 0-9-1, 1.8.3.13), as strace writes bytes."""


def answers(calls: Iterable[Call], signs: tuple[str, ...] = ACCEPTED) -> Iterator[tuple[Call, list[Call]]]:
    """Each answer that bears one of the signs, and the calls that ended since the answer before it began."""
    since: list[Call] = []
    for call in sorted(calls, key=lambda one: one.ended):
        is_sign = any(sign in call.text for sign in signs)
        if call.name in SENDS and (is_sign or "HTTP/1.1 " in call.text):
            if is_sign:
                yield call, [one for one in since if one.ended < call.began]
            since = []
        else:
            since.append(call)


def faults(calls: list[Call], folder: str, database: str, *, takes_bytes: bool) -> list[str]:
    """What was not on the disk when these calls had ended, of all that was written below `folder`; empty is good.

    `database` is SQLite's write-ahead log, whose last sync is the commit. `takes_bytes`: a file must have been named.
    """
    found = [_unsynced(calls, one.path, one.ended) for one in calls if one.name in WRITES and _is_ours(one, folder)]
    named = [one for one in calls if one.name.startswith("rename") and one.names[-1].startswith(folder)]
    for rename in named:
        found += [_unsynced_before(calls, rename), _unsynced(calls, _parent(rename.names[-1]), rename.ended)]
        found.append(_committed_early(calls, rename, database))
    for made in (one for one in calls if one.name.startswith("mkdir") and one.names[-1].startswith(folder)):
        found.append(_unsynced(calls, _parent(made.names[-1]), made.ended))
    if takes_bytes and not named:
        found.append("no file was given its name")
    if not any(one.name in WRITES and one.path == database for one in calls):
        found.append("nothing was committed")
    return sorted({why for why in found if why})


def _is_ours(call: Call, folder: str) -> bool:
    """SQLite's main file follows its write-ahead log at leisure, and its shared memory is no promise."""
    return call.path.startswith(folder) and not call.path.endswith((".db", "-shm", ".bell"))


def _parent(path: str) -> str:
    return str(PurePath(path).parent)


def _unsynced(calls: list[Call], path: str, since: int) -> str | None:
    is_safe = any(one.name in SYNCS and one.path == path and one.began > since for one in calls)
    return None if is_safe else f"{path} was not synced"


def _unsynced_before(calls: list[Call], rename: Call) -> str | None:
    source = rename.names[0]
    is_safe = any(one.name in SYNCS and one.path == source and one.ended < rename.began for one in calls)
    return None if is_safe else f"{source} was named before it was synced"


def _committed_early(calls: list[Call], rename: Call, database: str) -> str | None:
    folder = _parent(rename.names[-1])
    synced = [one.ended for one in calls if one.name in SYNCS and one.path == folder]
    commits = [one.began for one in calls if one.name in SYNCS and one.path == database]
    if synced and commits and max(commits) > min(synced):
        return None
    return f"{rename.names[-1]} was not safe before the commit"
