"""A real HTTP service with OpenAI's interfaces for embeddings and chat, that can be told to be busy, slow or wrong."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DIMENSIONS = 8


@dataclass
class Planned:
    """What one request is answered instead of what it asks for; `until` is waited for first."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    until: threading.Event | None = None


@dataclass
class ModelService:
    """`texts` are all that were embedded, `asked` all that was chatted about; `plan` is used up from its beginning.

    `requests` are the texts of each request to embed; one with the word `refused` in it is answered 400. Each takes
    `seconds`, of which `busy_seconds` is the sum.
    """

    url: str = ""
    texts: list[str] = field(default_factory=list)
    requests: list[list[str]] = field(default_factory=list)
    refused: str | None = None
    asked: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    plan: list[Planned] = field(default_factory=list)
    always: Planned | None = None
    seconds: float = 0.0
    busy_seconds: float = 0.0
    seen: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str, body: dict[str, Any]) -> Planned:
        with self.lock:
            self.seen.set()
            self.requests += [body["input"]] if "input" in body else []
            planned = self.plan.pop(0) if self.plan else self.always
            if planned is not None:
                return planned
            if path.endswith("/chat/completions"):
                self.asked.append(body["messages"][-1]["content"])
                said = {"summary": "A summary by the model.", "keywords": ["by", "the model"]}
                return Planned(body=json.dumps({"choices": [{"message": {"content": json.dumps(said)}}]}).encode())
            if self.refused and any(self.refused in text for text in body["input"]):
                return Planned(status=400)
            self.texts += body["input"]
        rows = [{"index": place, "embedding": vector_of(text)} for place, text in enumerate(body["input"])]
        return Planned(body=json.dumps({"data": rows}).encode())


def vector_of(text: str) -> list[float]:
    """The same for the same text."""
    digest = hashlib.sha256(text.encode()).digest()
    return [byte - 127.5 for byte in digest[:DIMENSIONS]]


@contextmanager
def model_service() -> Iterator[ModelService]:
    """Listening on this machine, at its `url`."""
    service = ModelService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            service.keys.add(self.headers.get("Authorization", ""))
            planned = service.answer(self.path, body)
            time.sleep(service.seconds)
            service.busy_seconds += service.seconds
            if planned.until is not None:
                planned.until.wait(50)
            self.send_response(planned.status)
            for name, value in {**planned.headers, "Content-Length": str(len(planned.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(planned.body)

        def log_message(self, *arguments: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(ConnectionError):  # who asked has gone
                super().handle()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        service.url = f"http://127.0.0.1:{server.server_port}/v1"
        yield service
        server.shutdown()
