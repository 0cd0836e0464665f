"""The index of chunks: written inside the store's transaction, queried from any process."""
