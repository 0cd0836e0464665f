"""A server where everybody has to log in, with two users and things of the first one's."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.running import RunningServer, running_server

METHODS = {"get", "post", "put", "patch", "delete"}

BODIES: dict[str, Any] = {
    "POST /documents/{document_id}/status": {"status": "failed", "error": "by someone else"},
    "PATCH /workspaces/{workspace_id}": {"name": "taken"},
    "PUT /workspaces/{workspace_id}/webhook": {"url": "https://example.org/hook"},
    "POST /query": {"query": "water"},
}
"""What a route needs to be told before it looks at the id; `{}` for all others."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path of the OpenAPI document."""

    method: str
    path: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    def send(self, client: httpx.Client, ids: Mapping[str, str]) -> httpx.Response:
        """The answer's head; a stream is not read to its end."""
        path = re.sub(r"{(\w+)}", lambda found: ids.get(found[1], ids["job_id"]), self.path)
        body = None if self.method in ("GET", "DELETE") else BODIES.get(self.name, {})
        with client.stream(self.method, path, json=body) as response:
            if "text/event-stream" not in response.headers.get("content-type", ""):
                response.read()
            return response


@dataclass(frozen=True, slots=True)
class Town:
    """The server, the tokens of its users, and the ids of what anna has."""

    server: RunningServer
    anna: str
    eve: str
    reader: str
    ids: Mapping[str, str]
    operations: tuple[Operation, ...]
    operator: str

    def client(self, token: str | None = None, **options: object) -> httpx.Client:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self.server.client(headers=headers, **options)

    def ask(self, path: str, token: str | None = None, **options: Any) -> int:
        """The status that a GET is answered with, on a connection of its own."""
        with self.client(token) as client:
            client.cookies.update(options.pop("cookies", {}))
            return client.get(path, **options).status_code

    def handshake(self, path: str, token: str | None = None, **headers: str) -> int:
        """The status with which a WebSocket's handshake is answered; 101 when it is let in."""
        sent = headers | ({} if token is None else {"Authorization": f"Bearer {token}"})
        url = self.server.url.replace("http", "ws") + path
        try:
            with connect(url, additional_headers=sent, proxy=None):
                return 101
        except InvalidStatus as error:
            return error.response.status_code


@contextmanager
def town(folder: Path, **settings: object) -> Iterator[Town]:
    """Everything is there: a finished job of anna's, its document and its workspace."""
    with running_server(folder, auth="required", embedder="none", **settings) as server:
        anna = new_token(server, "anna")
        with server.client(headers={"Authorization": f"Bearer {anna}"}) as client:
            ids = settle(client)
            described = client.get("/openapi.json").json()["paths"]
        operations = tuple(
            Operation(method.upper(), path)
            for path, methods in described.items()
            for method in methods
            if method in METHODS
        )
        yield Town(
            server,
            anna,
            new_token(server, "eve"),
            new_token(server, "anna", "--scope", "read"),
            ids,
            operations,
            new_token(server, "prometheus", "--scope", "operator"),
        )


def settle(client: httpx.Client) -> dict[str, str]:
    """The ids of things that are made here."""
    answer = client.post("/ingest/text", json={"text_content": "Water runs.", "collection_name": "mill"}).json()
    workspaces = client.get("/workspaces").json()["workspaces"]
    mill = next(one["workspace_id"] for one in workspaces if one["name"] == "mill")
    job_id = answer["job_id"]
    return {
        "job_id": job_id,
        "upload_id": job_id,
        "session_id": job_id,
        "document_id": answer["document_ids"][0],
        "workspace_id": mill,
    }


def unknown_ids(ids: Mapping[str, str]) -> dict[str, str]:
    """The same names with ids that nobody has."""
    return {name: str(uuid4()) for name in ids}


def new_token(server: RunningServer, user: str, *options: str) -> str:
    """By the command line, whose output is the token and nothing else."""
    made = server.run("token", "create", "--user", user, *options)
    assert made.returncode == 0, made.stderr
    return made.stdout.removesuffix("\n")
