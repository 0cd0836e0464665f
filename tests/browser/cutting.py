"""A TCP proxy whose connections can all be cut at once, and whose pages may be framed by its own."""

import socket
import threading
from contextlib import suppress
from types import TracebackType

CHUNK = 65536
UNFRAMED, FRAMED = b"frame-ancestors 'none'", b"frame-ancestors 'self'"
"""Of one length, so that nothing else in an answer has to be changed."""


class CuttingProxy:
    """Listens on a port of its own and passes everything on to a port of this machine."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Condition()
        self._port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> "CuttingProxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.go_down()

    def go_down(self) -> None:
        """Break every connection and refuse new ones, as where there is no network."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def come_back(self) -> None:
        """Take connections again, on the same port."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> int:
        """Break every connection; returns how many ends there were."""
        with self._lock:
            cut, self._open = self._open, set()
        for end in cut:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        return len(cut)

    def cut_next(self, seconds: float) -> int:
        """As `cut`, once somebody is connected; waits for that for so long."""
        with self._lock:
            self._lock.wait_for(lambda: self._open, seconds)
        return self.cut()

    def _accept(self) -> None:
        listener = self._listener
        with suppress(OSError):
            while True:
                inner, _ = listener.accept()
                try:
                    outer = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    inner.close()
                    continue
                with self._lock:
                    self._open |= {inner, outer}
                    self._lock.notify_all()
                for source, sink in ((inner, outer), (outer, inner)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                sink.sendall(data.replace(UNFRAMED, FRAMED))
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open -= {source}
        source.close()
