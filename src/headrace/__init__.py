"""Headrace: document ingestion with live, durable progress."""
