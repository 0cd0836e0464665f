"""What the tests of reports and relays share: a database with a document in it, and events in its log."""

from dataclasses import dataclass

import sqlalchemy as sa

from headrace.model.event import document_frame, frame_without_job
from headrace.model.ids import UserId, new_id
from headrace.model.vocabulary import EventType
from headrace.store import documents, record
from headrace.store.database import Database
from headrace.store.schema import document, event, workspace

ALICE, BOB = UserId("alice"), UserId("bob")


@dataclass(frozen=True)
class Shelf:
    """A workspace with one document."""

    database: Database
    user_id: UserId
    workspace_id: str
    document_id: str

    def events(self) -> list[sa.RowMapping]:
        with self.database.read() as connection:
            mine = sa.select(event).filter_by(user_id=self.user_id).order_by(event.c.number)
            return list(connection.execute(mine).mappings())

    def document(self) -> sa.RowMapping:
        with self.database.read() as connection:
            found = sa.select(document).filter_by(document_id=self.document_id)
            return connection.execute(found).mappings().one()

    def tell(self, count: int = 1, *, job_id: str | None = None, first: int = 1) -> list[int]:
        """Write `count` events: of the document, or of a job that has no other life; returns their numbers."""
        with self.database.write() as transaction:
            if job_id is None:
                known = documents.get(transaction.connection, self.user_id, self.document_id)
                frames = [document_frame(known, transaction.now) for _ in range(count)]
            else:
                kind = EventType.JOB_STAGE
                frame = frame_without_job(kind, self.user_id, transaction.now) | {"workspace_id": self.workspace_id}
                frames = [frame | {"job_id": job_id, "seq": number} for number in range(first, first + count)]
            last = record.append(transaction, self.user_id, frames)
        return list(range(last - count + 1, last + 1))


def shelf(database: Database, user_id: UserId = ALICE) -> Shelf:
    made = Shelf(database, user_id, new_id(), new_id())
    with database.write() as transaction:
        now = transaction.now
        of_workspace = {"workspace_id": made.workspace_id, "user_id": user_id, "name": made.workspace_id}
        transaction.execute(sa.insert(workspace).values(**of_workspace, status="ready", rag_config={}, created_at=now))
        transaction.execute(
            sa.insert(document).values(
                document_id=made.document_id, user_id=user_id, workspace_id=made.workspace_id, filename="a.txt",
                content_type="text/plain", size=3, blob_key="none", blob_offset=0, sha256="0" * 64,
                processing_status="pending", metadata={"colour": "blue"}, next_version=1, created_at=now,
                updated_at=now,
            )
        )  # fmt: skip
    return made
