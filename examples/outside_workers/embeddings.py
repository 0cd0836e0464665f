"""An embeddings worker of your own: takes chunks as JSON lines, and reports each document that it is done with."""

import json
import os
import sys
from collections.abc import Iterable

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from headrace.messaging import RabbitMQPublisher
from headrace.status import DocumentProcessingStatus, SqlStatusRepository, StatusService

MODEL = "letters-26"


def embed(text: str) -> list[int]:
    """Stands for your model: how often each letter comes."""
    return [text.lower().count(chr(ord("a") + number)) for number in range(26)]


def main(messages: Iterable[str]) -> int:
    """Embed every message's chunks; returns how many documents could not be reported."""
    engine = create_engine(os.environ["DATABASE_URL"])
    unknown_count = 0
    with (
        Session(engine) as session,
        RabbitMQPublisher(os.environ["RABBITMQ_URL"], os.environ["RABBITMQ_EXCHANGE"]) as publisher,
    ):
        status = StatusService(SqlStatusRepository(session))
        for message in map(json.loads, messages):
            vectors = [embed(chunk) for chunk in message["chunks"]]
            done = status.update_document_status(
                message["document_id"],
                DocumentProcessingStatus.READY,
                chunk_count=len(vectors),
                metadata={"embedding_model": MODEL},
            )
            unknown_count += done.is_err()
            if done.is_ok():
                publisher.publish("document.embedded", {"document_id": message["document_id"], "vectors": vectors})
    engine.dispose()
    return unknown_count


if __name__ == "__main__":
    sys.exit(main(sys.stdin))
