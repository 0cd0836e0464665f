"""The log sent on to other systems, each with a durable cursor of its own: broker, pub/sub, webhooks."""
