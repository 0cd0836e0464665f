"""A document's bytes as they came in, to be saved and never shown: whatever is in them runs nowhere near the page."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse

from headrace.model.document import BlobRange
from headrace.model.errors import Busy, DocumentNotFound
from headrace.model.ids import UserId
from headrace.server.context import Context, context
from headrace.server.principal import user
from headrace.server.problems import documented
from headrace.store.blobs import BlobStore

PIECE_BYTES = 1 << 20
"""So much of a document is in memory at a time."""

router = APIRouter()


@router.get(
    "/documents/{document_id}/original",
    tags=["documents"],
    response_class=StreamingResponse,
    responses=documented(DocumentNotFound, Busy)
    | {200: {"description": "The bytes", "content": {"application/octet-stream": {}}}},
)
async def read_original(
    document_id: str, app: Annotated[Context, Depends(context)], owner: Annotated[UserId, Depends(user)]
) -> StreamingResponse:
    """The file that was sent, as an attachment."""
    document = await asyncio.to_thread(app.library.get_document, owner, document_id)
    pieces = _pieces(app.jobs.blobs, document.blob)
    try:
        first = await anext(pieces, b"")
    except FileNotFoundError as error:
        raise DocumentNotFound(document_id) from error
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(document.filename, safe='')}",
        "Content-Length": str(document.blob.size),
        "Cache-Control": "private, no-store",
    }
    return StreamingResponse(_chained(first, pieces), media_type="application/octet-stream", headers=headers)


async def _pieces(blobs: BlobStore, where: BlobRange) -> AsyncIterator[bytes]:
    for offset in range(0, where.size, PIECE_BYTES):
        size = min(PIECE_BYTES, where.size - offset)
        yield await asyncio.to_thread(blobs.read, replace(where, offset=where.offset + offset, size=size))


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
