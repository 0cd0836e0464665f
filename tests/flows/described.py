"""A client that holds every answer against the OpenAPI document: what is not described there must not be answered."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.running import RunningServer
from tests.schemas import faults

UNLISTED = {"/openapi.json", "/asyncapi.json", "/docs"}
"""The descriptions themselves are not described."""


class Description:
    """The routes of a server with the statuses that they may answer."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.routes = {
            (method.upper(), path): {int(status) for status in operation["responses"]}
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
        }

    def statuses(self, method: str, path: str) -> set[int]:
        """What may be answered to a request; the path as written wins over one with a place for an id."""
        found = [
            (template.count("{"), statuses)
            for (verb, template), statuses in self.routes.items()
            if verb == method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path)
        ]
        if found:
            return min(found, key=lambda one: one[0])[1]
        return {200} if path in UNLISTED else {404}

    def body(self, method: str, path: str, status: int) -> Any:
        """The schema of a JSON body; an empty one where none is given."""
        found = [
            (template.count("{"), operations[method.lower()]["responses"].get(str(status), {}))
            for template, operations in self.document["paths"].items()
            if method.lower() in operations and re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path)
        ]
        answer: Any = min(found, key=lambda one: one[0])[1] if found else {}
        return answer.get("content", {}).get("application/json", {}).get("schema", {})

    def check(self, response: httpx.Response) -> None:
        """Fail on an answer that is not described, or whose body is not as described."""
        asked = response.request
        # HEAD is answered as GET, which alone is described; of its body nothing is sent.
        allowed = self.statuses("GET" if asked.method == "HEAD" else asked.method, asked.url.path)
        told = f"{asked.method} {asked.url.path} answers {response.status_code}, described are {sorted(allowed)}"
        assert response.status_code in allowed | {304, 405}, told
        if asked.method == "HEAD":
            return
        if response.headers.get("content-type") == "application/json" and asked.url.path not in UNLISTED:
            schema = self.body(asked.method, asked.url.path, response.status_code)
            wrong = list(faults(self.document, schema, json.loads(response.read())))
            assert not wrong, f"{asked.method} {asked.url.path}: {wrong}"


@contextmanager
def described_client(server: RunningServer) -> Iterator[httpx.Client]:
    """A client of a server whose answers are all checked."""
    with server.client() as plain:
        description = Description(plain.get("/openapi.json").json())
    with server.client(event_hooks={"response": [description.check]}) as client:
        yield client
