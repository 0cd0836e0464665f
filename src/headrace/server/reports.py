"""The route on which workers written elsewhere report where a document stands."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import ConfigDict, Field

from headrace.model.errors import DocumentNotFound, InvalidField
from headrace.model.ids import UserId
from headrace.model.vocabulary import ProcessingStatus
from headrace.server.bodies import Body, Metadata
from headrace.server.context import Context, context
from headrace.server.principal import user
from headrace.server.problems import documented
from headrace.server.views import document_view
from headrace.service.reports import DocumentReport, report

router = APIRouter(tags=["documents"])

User = Annotated[UserId, Depends(user)]
App = Annotated[Context, Depends(context)]


class ReportBody(Body):
    """`POST /documents/{id}/status`."""

    model_config = ConfigDict(strict=True, extra="forbid")

    status: Annotated[ProcessingStatus, Field(strict=False)]
    error: Annotated[str, Field(max_length=10_000)] | None = None
    chunk_count: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    metadata: Metadata | None = None


@router.post("/documents/{document_id}/status", responses=documented(DocumentNotFound, InvalidField))
async def report_status(document_id: str, body: ReportBody, app: App, owner: User) -> dict[str, Any]:
    """Say where a document stands: it is told to every watcher. `metadata` is merged into what is there."""
    said = DocumentReport(status=body.status, error=body.error, chunk_count=body.chunk_count, metadata=body.metadata)
    return document_view(await asyncio.to_thread(report, app.jobs, owner, document_id, said))
