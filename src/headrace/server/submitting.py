"""The ingest routes: different ways to say the same thing, one `submit`.

A route is a row: which body it reads, and whether its answer waits for the job's end.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from headrace.model.errors import (
    BadRequest,
    DiskLow,
    DocumentNotFound,
    InvalidField,
    KeyReused,
    MalformedBody,
    QueueFull,
    TooLarge,
    TooSlow,
    UnsupportedType,
)
from headrace.model.ids import UserId
from headrace.model.job import Job
from headrace.model.vocabulary import JobType
from headrace.server.answers import COMPONENT
from headrace.server.bodies import AgainBody, BatchBody, TextBody, UploadBody
from headrace.server.context import Context, context
from headrace.server.multipart import INGESTING, UPLOADING, Form, Receiver, form
from headrace.server.principal import user
from headrace.server.problems import documented, validation_problem
from headrace.server.views import job_reply, sync_reply
from headrace.service import Intake
from headrace.service import Request as Wanted

ACCEPTING = documented(BadRequest, TooSlow, TooLarge, UnsupportedType, InvalidField, KeyReused, QueueFull, DiskLow)
WAITED: dict[int | str, dict[str, Any]] = {200: {"description": "The job was waited for, as `sync` asks; it has ended"}}

router = APIRouter(tags=["ingest"], responses=ACCEPTING)

Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=255)]
User = Annotated[UserId, Depends(user)]
App = Annotated[Context, Depends(context)]


@router.post("/ingest", status_code=202, openapi_extra=form(*INGESTING, "sync"), responses=WAITED)
async def ingest(request: Request, app: App, owner: User, key: Key = None) -> JSONResponse:
    """A text or files, from a form; with `sync=true` the answer waits for the job's end."""
    return await _ingest_form(request, app, owner, key)


@router.post("/ingest/async", status_code=202, openapi_extra=form(*INGESTING))
async def ingest_async(request: Request, app: App, owner: User, key: Key = None) -> JSONResponse:
    """As `/ingest`, and never waits."""
    return await _ingest_form(request, app, owner, key, wait=False)


@router.post("/ingest/file", openapi_extra=form(*UPLOADING))
async def ingest_file(request: Request, app: App, owner: User, key: Key = None) -> JSONResponse:
    """Files, from a form; waits for the job's end."""
    return await _ingest_form(request, app, owner, key, wait=True)


@router.post("/ingest/text")
async def ingest_text(body: TextBody, app: App, owner: User, key: Key = None) -> JSONResponse:
    """A text; waits for the job's end."""
    return await _ingest_text(body, app, owner, key, wait=True)


@router.post("/ingest/text/async", status_code=202)
async def ingest_text_async(body: TextBody, app: App, owner: User, key: Key = None) -> JSONResponse:
    """A text."""
    return await _ingest_text(body, app, owner, key, wait=False)


@router.post("/ingest/batch", status_code=202, responses=WAITED)
async def ingest_batch(
    body: BatchBody, app: App, owner: User, key: Key = None, sync: Annotated[bool, Query()] = False
) -> JSONResponse:
    """Messages, each a document of its own; `?sync=true` waits for the job's end."""
    return await _ingest_batch(body, app, owner, key, wait=sync)


@router.post("/ingest/batch/async", status_code=202)
async def ingest_batch_async(body: BatchBody, app: App, owner: User, key: Key = None) -> JSONResponse:
    """Messages, each a document of its own."""
    return await _ingest_batch(body, app, owner, key, wait=False)


UPLOADED = {"application/json": {"schema": UploadBody.model_json_schema(ref_template=COMPONENT)}}


@router.post(
    "/upload",
    status_code=202,
    openapi_extra={"requestBody": {"content": UPLOADED | form(*UPLOADING)["requestBody"]["content"]}},
)
async def upload(request: Request, app: App, owner: User, key: Key = None) -> JSONResponse:
    """Documents for a collection, from JSON or a form."""
    with app.jobs.intake() as intake:
        await asyncio.to_thread(app.jobs.check_room, owner)
        if "json" in request.headers.get("content-type", ""):
            body = _upload_body(await request.body())
            _check_count(len(body.documents), app)
            await asyncio.to_thread(_take_documents, intake, body)
            wanted = Wanted(
                job_type=JobType.FILE,
                workspace=body.collection_name,
                force_recreate=body.force_recreate,
                force=body.force,
                replace=body.replace,
                idempotency_key=key,
            )
        else:
            sent = await Receiver(intake, app.settings).receive(request)
            wanted = _wanted(sent, JobType.FILE, key)
        wanted = replace(wanted, message=f"Upload received. Total documents: {len(intake)}")
        job = await asyncio.to_thread(app.jobs.submit, owner, wanted, intake)
    body_sent = {"upload_id": job.job_id, "status": "received", "message": wanted.message, "timestamp": time.time()}
    return JSONResponse(body_sent, 202, headers=_location(job))


@router.post("/resource/ingest/{document_id}", status_code=202, responses=documented(DocumentNotFound))
async def ingest_resource(
    document_id: str, app: App, owner: User, body: AgainBody | None = None, key: Key = None
) -> JSONResponse:
    """Ingest a document again, from the bytes that are there; with `force` even where nothing has changed."""
    force = body is not None and body.force
    await asyncio.to_thread(app.jobs.check_room, owner)
    job = await asyncio.to_thread(app.jobs.ingest_again, owner, document_id, force=force, idempotency_key=key)
    return JSONResponse(job_reply(job) | {"status": "queued"}, 202, headers=_location(job))


async def _ingest_form(
    request: Request, app: Context, owner: UserId, key: str | None, *, wait: bool | None = None
) -> JSONResponse:
    with app.jobs.intake() as intake:
        await asyncio.to_thread(app.jobs.check_room, owner)
        sent = await Receiver(intake, app.settings).receive(request)
        waits = sent.flag("sync") if wait is None else wait
        kind = JobType.FILE if sent.file_count else JobType.TEXT
        if "text_content" in sent.fields:
            _take_text(intake, sent.fields["text_content"])
        job = await asyncio.to_thread(app.jobs.submit, owner, _wanted(sent, kind, key), intake)
    return await _answer(app, owner, job, wait=waits)


async def _ingest_text(body: TextBody, app: Context, owner: UserId, key: str | None, *, wait: bool) -> JSONResponse:
    wanted = Wanted(job_type=JobType.TEXT, workspace=body.collection_name, metadata=body.metadata, idempotency_key=key)
    job = await _submit(app, owner, wanted, lambda intake: _take_text(intake, body.text_content))
    return await _answer(app, owner, job, wait=wait)


async def _ingest_batch(body: BatchBody, app: Context, owner: UserId, key: str | None, *, wait: bool) -> JSONResponse:
    _check_count(len(body.messages), app)
    wanted = Wanted(job_type=JobType.BATCH, workspace=body.collection_name, metadata=body.metadata, idempotency_key=key)

    def take(intake: Intake) -> None:
        for number, message in enumerate(body.messages, 1):
            name = f"message-{number}.txt"
            intake.add_text(message.text, filename=name, metadata=message.metadata, is_named=False)

    job = await _submit(app, owner, wanted, take)
    return await _answer(app, owner, job, wait=wait)


async def _submit(app: Context, owner: UserId, wanted: Wanted, take: Callable[[Intake], None]) -> Job:
    def submit() -> Job:
        app.jobs.check_room(owner)
        with app.jobs.intake() as intake:
            take(intake)
            return app.jobs.submit(owner, wanted, intake)

    return await asyncio.to_thread(submit)


async def _answer(app: Context, owner: UserId, job: Job, *, wait: bool) -> JSONResponse:
    if not wait:
        return JSONResponse(job_reply(job), 202, headers=_location(job))
    ended = await app.wait_for_end(owner, job)
    items = await asyncio.to_thread(app.jobs.list_items, owner, job.job_id, after=None, limit=100_000)
    return JSONResponse(sync_reply(ended, [item.document_id for item in items]), 200, headers=_location(job))


def _check_count(count: int, app: Context) -> None:
    if count > app.settings.max_messages:
        raise TooLarge(f"a request may have {app.settings.max_messages} messages or documents, this one has {count}")


def _take_text(intake: Intake, text: str) -> None:
    if not text.strip():
        raise InvalidField.single("text_content", "must not be empty")
    intake.add_text(text)


def _upload_body(data: bytes) -> UploadBody:
    try:
        return UploadBody.model_validate_json(data)
    except ValidationError as error:
        raise validation_problem(error.errors()) from error


def _take_documents(intake: Intake, body: UploadBody) -> None:
    for document in body.documents:
        if isinstance(document, str):
            intake.add_text(document)
        elif document.data is not None:
            incoming = intake.open_file(document.filename or "document")
            incoming.write(document.data)
            intake.add_file(incoming, document.metadata)
        else:
            text = document.content or document.text or ""
            intake.add_text(text, filename=document.filename, metadata=document.metadata)


def _wanted(sent: Form, kind: JobType, key: str | None) -> Wanted:
    return Wanted(
        job_type=kind,
        workspace=sent.fields.get("collection_name") or None,
        metadata=metadata_of(sent),
        force_recreate=sent.flag("force_recreate"),
        force=sent.flag("force"),
        replace=sent.flag("replace"),
        idempotency_key=key,
    )


def metadata_of(sent: Form) -> dict[str, Any]:
    """What a form says of all of its documents."""
    text = sent.fields.get("metadata", "")
    if not text.strip():
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedBody(f"metadata is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidField.single("metadata", "must be a JSON object")
    return value


def _location(job: Job) -> dict[str, str]:
    return {"Location": f"/jobs/{job.job_id}"}
