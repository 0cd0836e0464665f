"""Headrace mounted in a FastAPI application that has users of its own.

Run it with `uvicorn app:app`; then post a note, and watch it at /ingest/jobs/{job_id}/events.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Header

from headrace import Headrace
from headrace.model.errors import NotAuthenticated


async def identify(scope: Mapping[str, Any]) -> str:
    """Who is asking: here by a header that the gateway in front of us has set."""
    for name, value in scope["headers"]:
        if name == b"x-user":
            return value.decode()
    raise NotAuthenticated("the header X-User is missing")


headrace = Headrace(identify=identify)
app = FastAPI(lifespan=headrace.lifespan)
app.mount("/ingest", headrace.app)


@app.post("/notes")
async def add_note(text: str, x_user: str = Header()) -> dict[str, str]:
    """Keep a note, and tell where its progress can be watched."""
    job = await headrace.submit([text], collection_name="notes", user_id=x_user)
    return {"job_id": job.job_id, "watch": f"/ingest/jobs/{job.job_id}/events"}


@app.get("/answers")
async def answer(question: str, x_user: str = Header()) -> list[str]:
    """The notes that answer a question."""
    hits = await headrace.query(question, workspace="notes", top_k=3, user_id=x_user)
    return [hit.text for hit in hits]
