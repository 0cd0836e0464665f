"""What was recognized in a document's pictures, kept as long as the document is."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from headrace.model.ids import DocumentId
from headrace.store.database import Database, Transaction
from headrace.store.schema import document, recognition
from headrace.store.types import Instant


class Recognitions:
    """The page texts of one document; what `headrace.pipeline.sandbox.PageTexts` asks for."""

    def __init__(self, database: Database, document_id: DocumentId) -> None:
        self._database, self._document_id = database, document_id

    def find(self, key: bytes) -> str | None:
        """The text; None where it is not known."""
        with self._database.read() as connection:
            mine = sa.select(recognition.c.text).filter_by(document_id=self._document_id, key=key)
            found: str | None = connection.scalar(mine)
            return found

    def keep(self, key: bytes, text: str) -> None:
        """Remember it. Of a document that was deleted meanwhile nothing is kept."""
        with self._database.write() as transaction:
            _keep(transaction, self._document_id, key, text)


def _keep(transaction: Transaction, document_id: DocumentId, key: bytes, text: str) -> None:
    insert = sqlite_insert if transaction.is_sqlite else postgres_insert
    values = [
        document.c.document_id,
        sa.literal(key, sa.LargeBinary),
        sa.literal(text.replace("\0", " "), sa.Text),
        sa.literal(transaction.now, Instant()),
    ]
    mine = sa.select(*values).where(document.c.document_id == document_id, document.c.deleted_at.is_(None))
    new = insert(recognition).from_select(["document_id", "key", "text", "created_at"], mine)
    again = {"text": new.excluded.text, "created_at": new.excluded.created_at}
    transaction.execute(new.on_conflict_do_update(index_elements=["document_id", "key"], set_=again))
