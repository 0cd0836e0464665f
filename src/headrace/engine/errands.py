"""Jobs without documents: what is to be done for a workspace as a whole. Each may be repeated after a crash."""

from headrace.model.ids import DocumentId, WorkspaceId
from headrace.model.job import Job
from headrace.model.vocabulary import JobType, WorkspaceStatus
from headrace.search import index
from headrace.store import documents, record, workspaces
from headrace.store.database import Database
from headrace.store.schema import document

DOCUMENTS_AT_ONCE = 100


def run(database: Database, job: Job) -> None:
    """Do what a job is for, if it is one of these.

    Raises:
        Superseded: the job does not go on.
    """
    if job.workspace_id is None:
        return
    if job.job_type is JobType.PROVISIONING:
        provision(database, job, job.workspace_id)
    elif job.job_type is JobType.DELETION:
        clear(database, job.workspace_id)


def provision(database: Database, job: Job, workspace_id: WorkspaceId) -> None:
    """Make a workspace ready. All workspaces share the index, so there is nothing to build but the word."""
    with database.write() as transaction, record.changing(transaction, job.job_id, run=job.run):
        workspaces.set_status(transaction, workspace_id, WorkspaceStatus.READY)


def clear(database: Database, workspace_id: WorkspaceId) -> None:
    """Remove a hidden workspace with its documents, chunks and index, in many small transactions."""
    while True:
        with database.write() as transaction:
            # What was sent in the moment of the deletion has come in after it.
            documents.hide(transaction, document.c.workspace_id == workspace_id)
            if workspaces.remove(transaction, workspace_id):
                return
            hidden = documents.select_hidden(transaction.connection, DOCUMENTS_AT_ONCE)
        for document_id in hidden:
            remove_document(database, document_id)


def remove_document(database: Database, document_id: DocumentId) -> None:
    """Remove a hidden document and its chunks."""
    with database.write() as transaction:
        index.drop_document(transaction, document_id)
        documents.remove(transaction, document_id)
