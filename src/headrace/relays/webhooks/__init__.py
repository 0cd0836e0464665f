"""Posts a workspace's events to a URL of its owner's, signed as Standard Webhooks has it."""
