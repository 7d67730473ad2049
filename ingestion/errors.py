"""What can go wrong between Kafka and a casino's database."""


class IngestionError(Exception):
    """Base of this app's errors."""


class BrokerUnavailable(IngestionError):
    """No Kafka broker answers."""


class NotDelivered(IngestionError):
    """The broker did not take every message."""
