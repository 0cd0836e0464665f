"""The words that every room shares: jobs, documents, events, cursors, statuses, errors. No I/O, no clock of its own."""
