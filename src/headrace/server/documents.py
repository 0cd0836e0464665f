"""The routes of documents, of the same as resources, and of search."""

import asyncio
import time
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from headrace.model.errors import (
    BadRequest,
    ChunkNotFound,
    DiskLow,
    DocumentNotFound,
    InvalidField,
    KeyReused,
    QueueFull,
    TooLarge,
    UnsupportedType,
    WorkspaceNotFound,
)
from headrace.model.ids import DocumentId, UserId
from headrace.model.vocabulary import ProcessingStatus
from headrace.search.query import SearchMode
from headrace.server.bodies import QueryBody
from headrace.server.context import Context, context
from headrace.server.listing import NOT_MODIFIED, AfterId, IfNoneMatch, Limit, listed
from headrace.server.multipart import KEEPING, Receiver, form
from headrace.server.principal import user
from headrace.server.problems import documented
from headrace.server.submitting import Key, metadata_of
from headrace.server.views import document_view, hit_view, neighbour_view, resource_view, stretch_view
from headrace.service import Question

router = APIRouter()

User = Annotated[UserId, Depends(user)]
App = Annotated[Context, Depends(context)]
UNKNOWN = documented(DocumentNotFound)
MOST_OFFSET = 2**53 - 1


@router.get(
    "/documents",
    tags=["documents"],
    responses=NOT_MODIFIED | documented(BadRequest, InvalidField, WorkspaceNotFound),
)
async def list_documents(
    app: App,
    owner: User,
    cursor: AfterId,
    limit: Limit = 50,
    workspace: str | None = None,
    status: ProcessingStatus | None = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Documents, newest first."""
    found = await asyncio.to_thread(
        app.library.list_documents, owner, limit=limit + 1, before=cursor, workspace=workspace, status=status
    )
    shown = found[:limit]
    next_cursor = shown[-1].document_id if len(found) > limit else None
    return listed("documents", [document_view(one) for one in shown], next_cursor, if_none_match)


@router.get("/documents/{document_id}", tags=["documents"], responses=UNKNOWN)
async def get_document(document_id: str, app: App, owner: User) -> dict[str, Any]:
    """One document."""
    return document_view(await asyncio.to_thread(app.library.get_document, owner, document_id))


@router.delete("/documents/{document_id}", tags=["documents"], status_code=204, responses=UNKNOWN)
async def delete_document(document_id: str, app: App, owner: User) -> Response:
    """Forget a document."""
    await asyncio.to_thread(app.library.delete_document, owner, document_id)
    return Response(status_code=204)


@router.get(
    "/documents/{document_id}/text",
    tags=["documents"],
    responses=documented(DocumentNotFound, ChunkNotFound, InvalidField),
)
async def read_text(
    document_id: str,
    app: App,
    owner: User,
    start: Annotated[int, Query(ge=0, le=MOST_OFFSET)] = 0,
    length: Annotated[int, Query(ge=1, le=100_000)] = 10_000,
    chunk_id: Annotated[str | None, Query(max_length=36)] = None,
    around: Annotated[int, Query(ge=0, le=50_000)] = 500,
) -> dict[str, Any]:
    """A document's text as it was extracted: some of it, or a passage with what is around it."""
    library = app.library
    if chunk_id is None:
        return stretch_view(await asyncio.to_thread(library.stretch, owner, document_id, start=start, length=length))
    return stretch_view(await asyncio.to_thread(library.around, owner, document_id, chunk_id, margin=around))


@router.get("/resources", tags=["documents"], responses=NOT_MODIFIED | documented(BadRequest, InvalidField))
async def list_resources(
    app: App, owner: User, cursor: AfterId, limit: Limit = 50, if_none_match: IfNoneMatch = None
) -> Response:
    """The same documents under camelCase names."""
    found = await asyncio.to_thread(app.library.list_documents, owner, limit=limit + 1, before=cursor)
    shown = found[:limit]
    next_cursor = shown[-1].document_id if len(found) > limit else None
    return listed("resources", [resource_view(one) for one in shown], next_cursor, if_none_match)


@router.post(
    "/resources/upload",
    tags=["documents"],
    status_code=201,
    openapi_extra=form(*KEEPING),
    responses=documented(BadRequest, TooLarge, UnsupportedType, InvalidField, KeyReused, DiskLow, QueueFull),
)
async def upload_resource(
    request: Request, app: App, owner: User, ingest: bool | None = None, key: Key = None
) -> JSONResponse:
    """Keep files, and ingest them in one job unless `?ingest=false` (or the setting `ingest_on_upload`) says not to.

    An `Idempotency-Key` belongs to the job, so it goes with ingesting alone.
    """
    must_ingest = app.settings.ingest_on_upload if ingest is None else ingest
    if key and not must_ingest:
        raise InvalidField.single("Idempotency-Key", "needs a job to belong to: leave it out, or send ?ingest=true")
    with app.jobs.intake() as intake:
        await asyncio.to_thread(app.jobs.check_room)
        sent = await Receiver(intake, app.settings).receive(request)
        if not len(intake):
            raise InvalidField.single("file", "is missing")
        workspace = sent.fields.get("collection_name") or None
        metadata = metadata_of(sent)
        if must_ingest:
            start = partial(app.jobs.keep_and_ingest, owner, workspace, intake, metadata, idempotency_key=key)
            kept, job = await asyncio.to_thread(start)
        else:
            kept, job = await asyncio.to_thread(app.jobs.keep, owner, workspace, intake, metadata), None
    views = [resource_view(one) | ({"jobId": job.job_id} if job else {}) for one in kept]
    return JSONResponse(
        views[0] | {"resources": views}, 201, headers={"Location": f"/resources/{views[0]['documentId']}"}
    )


@router.get("/resources/{document_id}", tags=["documents"], responses=UNKNOWN)
async def get_resource(document_id: str, app: App, owner: User) -> dict[str, Any]:
    """One document under camelCase names."""
    return resource_view(await asyncio.to_thread(app.library.get_document, owner, document_id))


@router.post("/query", tags=["search"], responses=documented(BadRequest, InvalidField, WorkspaceNotFound))
async def query(body: QueryBody, app: App, owner: User) -> dict[str, Any]:
    """The passages that answer best."""
    ids = None if body.document_ids is None else [DocumentId(one) for one in body.document_ids]
    return await _query(
        app,
        owner,
        Question(
            text=body.query,
            mode=body.mode,
            top_k=body.top_k,
            workspace=body.workspace,
            document_ids=ids,
            filters=body.filters,
            times=body.times,
            cursor=body.cursor,
        ),
    )


@router.get("/query", tags=["search"], responses=documented(BadRequest, InvalidField, WorkspaceNotFound))
async def query_by_url(
    app: App,
    owner: User,
    q: Annotated[str, Query(min_length=1, max_length=10_000)],
    mode: SearchMode | None = None,
    top_k: Annotated[int, Query(ge=1, le=1000)] = 10,
    workspace: str | None = None,
    cursor: str | None = None,
) -> dict[str, Any]:
    """The passages that answer best; for filters and bounds in time, `POST` the question."""
    return await _query(app, owner, Question(text=q, mode=mode, top_k=top_k, workspace=workspace, cursor=cursor))


@router.get("/chunks/{chunk_id}/neighbours", tags=["search"], responses=documented(ChunkNotFound, InvalidField))
async def list_neighbours(
    chunk_id: str,
    app: App,
    owner: User,
    before: Annotated[int, Query(ge=0, le=100)] = 1,
    after: Annotated[int, Query(ge=0, le=100)] = 1,
) -> dict[str, Any]:
    """A passage with those before and after it in its document, in their order."""
    found = await asyncio.to_thread(app.library.neighbours, owner, chunk_id, before=before, after=after)
    return {"chunks": [neighbour_view(one) for one in found]}


async def _query(app: Context, owner: UserId, question: Question) -> dict[str, Any]:
    started = time.perf_counter()
    answer = await asyncio.to_thread(app.library.search, owner, question)
    took = round((time.perf_counter() - started) * 1000, 2)
    return {"results": [hit_view(hit) for hit in answer.hits], "took_ms": took, "next_cursor": answer.next_cursor}
