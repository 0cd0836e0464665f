"""`/docs`: the routes, drawn from the OpenAPI document on the server. No scripts, and nothing from elsewhere."""

from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Headrace: the API</title><link rel="icon" href="favicon.svg"><link rel="stylesheet" href="style.css">
<link rel="stylesheet" href="manual.css"></head>
<body class="manual"><main><h1>Headrace {version}</h1>
<p>{description} The same as <a href="openapi.json">OpenAPI</a>; the streams as
<a href="asyncapi.json">AsyncAPI</a>. Errors are <code>application/problem+json</code>; switch on their
<code>code</code>.</p>{sections}</main></body></html>"""


@router.get("/docs", response_class=HTMLResponse)
async def show_manual(request: Request) -> str:
    """The manual of the API."""
    document = request.app.openapi()
    return PAGE.format(
        version=escape(document["info"]["version"]),
        description=escape(document["info"]["description"]),
        sections="".join(_sections(document["paths"])),
    )


def _sections(paths: dict[str, dict[str, Any]]) -> Iterator[str]:
    by_tag: dict[str, list[str]] = {}
    for path, operations in paths.items():
        for method, operation in operations.items():
            tag = operation.get("tags", ["other"])[0]
            by_tag.setdefault(tag, []).append(_operation(method, path, operation))
    for tag, rows in by_tag.items():
        yield f"<h2>{escape(tag)}</h2>{''.join(rows)}"


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parameters = ", ".join(_parameter(one) for one in operation.get("parameters", []))
    answers = ", ".join(f"{status} {escape(one['description'])}" for status, one in operation["responses"].items())
    body = "; body: " + ", ".join(operation["requestBody"]["content"]) if "requestBody" in operation else ""
    told = escape(operation.get("description", ""))
    return (
        f"<section><h3><code>{method.upper()} {escape(path)}</code></h3><p>{told}</p>"
        f"<p class='small'>{parameters or 'no parameters'}{escape(body)}</p><p class='small'>{answers}</p></section>"
    )


def _parameter(parameter: dict[str, Any]) -> str:
    needed = " (required)" if parameter.get("required") else ""
    return f"<code>{escape(parameter['name'])}</code> in {escape(parameter['in'])}{needed}"
