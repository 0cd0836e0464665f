"""For workers written elsewhere: report where a document or a workspace stands, knowing only the database's URL.

What they report is written to the same log as everything else, so it reaches every watcher.
"""

from headrace.model.vocabulary import ProcessingStatus as DocumentProcessingStatus
from headrace.model.vocabulary import WorkspaceStatus
from headrace.status.repository import (
    ReportedDocument,
    ReportedWorkspace,
    SqlStatusRepository,
    StatusRepository,
)
from headrace.status.result import Err, Ok, Result, UnwrapError
from headrace.status.service import MessagePublisher, StatusService

__all__ = [
    "DocumentProcessingStatus",
    "Err",
    "MessagePublisher",
    "Ok",
    "ReportedDocument",
    "ReportedWorkspace",
    "Result",
    "SqlStatusRepository",
    "StatusRepository",
    "StatusService",
    "UnwrapError",
    "WorkspaceStatus",
]
