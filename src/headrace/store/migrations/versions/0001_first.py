"""The first schema: jobs, items, documents, workspaces, the log, chunks and their index."""

from alembic import op

from headrace.store.schema import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEYWORD_INDEX = {
    "sqlite": [
        "CREATE VIRTUAL TABLE chunk_fts USING fts5("
        "text, content='chunk', content_rowid='chunk_id', tokenize='porter unicode61')"
    ],
    "postgresql": [
        "CREATE TABLE chunk_fts ("
        "chunk_id bigint PRIMARY KEY REFERENCES chunk ON DELETE CASCADE, words tsvector NOT NULL)",
        "CREATE INDEX ix_chunk_fts_words ON chunk_fts USING gin (words)",
    ],
}


def upgrade() -> None:
    """Create everything."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    metadata.create_all(connection)
    for statement in KEYWORD_INDEX[connection.dialect.name]:
        op.execute(statement)
