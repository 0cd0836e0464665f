"""Pure stages from bytes to searchable passages: sniff, extract, chunk, enrich, embed. No database, no settings."""
