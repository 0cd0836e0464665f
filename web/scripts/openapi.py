"""Prints the OpenAPI document of the server in this checkout, without starting one."""

import asyncio
import sys
import tempfile
from pathlib import Path

import httpx

from headrace.server.app import Application
from headrace.settings import Settings


async def _read(folder: Path) -> str:
    application = Application(Settings(data_dir=folder))
    transport = httpx.ASGITransport(application.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        text = (await client.get("/openapi.json")).text
    application.close()
    return text


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        sys.stdout.write(asyncio.run(_read(Path(name))))
