"""An ingestion worker of your own: reports what it does to a document, and hands it on to the next worker."""

import os
import sys
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from headrace.messaging import RabbitMQPublisher
from headrace.status import DocumentProcessingStatus, SqlStatusRepository, StatusService


def main(document_id: str, path: Path) -> int:
    """Cut the file into chunks of your own, telling everyone who watches."""
    engine = create_engine(os.environ["DATABASE_URL"])
    with (
        Session(engine) as session,
        RabbitMQPublisher(os.environ["RABBITMQ_URL"], os.environ["RABBITMQ_EXCHANGE"]) as publisher,
    ):
        status = StatusService(SqlStatusRepository(session))
        started = status.update_document_status(document_id, DocumentProcessingStatus.PROCESSING)
        if started.is_err():
            sys.stderr.write(f"{started.error}\n")
            return 1
        try:
            chunks = [part for part in path.read_text().split("\n\n") if part.strip()]
        except (OSError, UnicodeDecodeError) as error:
            status.update_document_status(document_id, DocumentProcessingStatus.FAILED, error=f"not readable: {error}")
            return 1
        publisher.publish("document.chunked", {"document_id": document_id, "chunks": chunks})
    engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
