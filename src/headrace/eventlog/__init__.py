"""Reads the log: replay from any position, then follow. One hub per process serves all watchers. Never writes."""
