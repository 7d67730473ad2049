"""What can go wrong between Kafka and a casino's database."""


class IngestionError(Exception):
    """Base of this app's errors."""


class BrokerUnavailable(IngestionError):
    """No Kafka broker answers."""


class NotDelivered(IngestionError):
    """The broker did not take every message."""


class DatabaseUnavailable(IngestionError):
    """One casino's database can't be written to at present; the message says why."""


class AllDatabasesUnavailable(IngestionError):
    """Not even the catalogue's database answers, so that nothing can be stored for anybody."""


class NoSuchDeadLetter(IngestionError):
    """No dead letter has this id."""


class TooManyRejections(IngestionError):
    """So many messages are rejected that the fault is hardly in the messages; a person has to look."""


class NothingToSend(IngestionError):
    """A casino lacks what messages would be made of."""
