"""What outside workers say of a document over HTTP, in the same log as everything else."""

from headrace.model.document import Document
from headrace.model.errors import DocumentNotFound
from headrace.model.ids import UserId
from headrace.service.jobs import Jobs
from headrace.store.reports import DocumentReport, report_document

__all__ = ["DocumentReport", "report"]


def report(jobs: Jobs, user_id: UserId, document_id: str, said: DocumentReport) -> Document:
    """Write where a document stands, and the event that tells of it; returns the document as it is now.

    Raises:
        DocumentNotFound: there is none, or it is someone else's.
        InvalidField: the metadata are too large or too deep.
    """
    jobs.intake().check_metadata(said.metadata or {})
    with jobs.database.write(durable=True) as transaction:
        found = report_document(transaction, document_id, said, user_id=user_id)
        if found is None:
            raise DocumentNotFound(document_id)
        return found[0]
