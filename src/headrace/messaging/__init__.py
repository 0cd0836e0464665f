"""For workers written elsewhere: a publisher for the message broker."""

from headrace.messaging.rabbitmq import RabbitMQPublisher

__all__ = ["RabbitMQPublisher"]
