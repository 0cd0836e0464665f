"""Tells the processes of this machine that something was committed. A hint: nobody relies on hearing it.

Each listener owns a Unix datagram socket in a folder beside the database file; whoever has committed sends the user's
id to all of them. There is no bell on Postgres, which has `NOTIFY`, and none where such sockets cannot be.
"""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

SUFFIX = ".bell"
LONGEST_HINT_BYTES = 1024
SHORT_FOLDER_BYTES = 60


class Bell:
    """The ringing end. Never blocks and never fails."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._socket = _datagram_socket()

    @classmethod
    def beside(cls, database: Path, what: str = "bells") -> "Bell":
        """The bell of a SQLite file for those who watch, or who look for `work`."""
        return cls(database.with_name(f"{database.name}-{what}"))

    def ring(self, name: str) -> None:
        """Send `name` to every listener; one that is gone is cleared away."""
        if self._socket is None:
            return
        with contextlib.suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.endswith(SUFFIX):
                    self._send(self._socket, entry.name, name.encode())

    def _send(self, sender: socket.socket, listener: str, hint: bytes) -> None:
        try:
            with short_path(self.folder) as folder:
                sender.sendto(hint, f"{folder}/{listener}")
        except ConnectionRefusedError:
            (self.folder / listener).unlink(missing_ok=True)
        except OSError:
            pass  # its buffer is full: it has hints enough, and reads the log anyway

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()


def listen(folder: Path) -> tuple[socket.socket, Path] | None:
    """A new listener's socket (non-blocking) and its path, which the caller removes; None where it cannot be had."""
    listener = _datagram_socket()
    if listener is None:
        return None
    path = folder / f"{os.getpid()}-{os.urandom(4).hex()}{SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with short_path(folder) as short:
            listener.bind(f"{short}/{path.name}")
    except OSError:
        listener.close()
        return None
    return listener, path


@contextlib.contextmanager
def short_path(folder: Path) -> Iterator[str]:
    """`folder` under a name that fits into the 107 bytes of a socket's address, where the system has one."""
    if len(os.fsencode(folder)) < SHORT_FOLDER_BYTES or not Path("/proc/self/fd").exists():
        yield str(folder)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _datagram_socket() -> socket.socket | None:
    if not hasattr(socket, "AF_UNIX"):
        return None
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.setblocking(False)
    return made
