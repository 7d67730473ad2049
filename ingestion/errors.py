"""Errors between receiving a message and storing it in a casino's database."""


class IngestionError(Exception):
    """Base of this app's errors."""


class BrokerUnavailable(IngestionError):
    """No Kafka broker responds."""


class InvalidKafkaSettings(BrokerUnavailable):
    """No client can be created with the settings."""


class NotDelivered(IngestionError):
    """The broker did not accept every message."""


class DatabaseUnavailable(IngestionError):
    """One casino's database can't be written to now; the message has the reason."""


class AllDatabasesUnavailable(IngestionError):
    """The catalogue's database is unavailable too, so that no casino's messages can be stored."""


class UnusableOption(IngestionError):
    """This release can't read one of the casino's options, such as one of a later release; the message has its
    value."""


class DeadLettersFull(IngestionError):
    """A casino has the highest allowed number or size of open dead letters; the message has the reason."""


class NoSuchDeadLetter(IngestionError):
    """No dead letter has this id."""


class RejectionLimitExceeded(IngestionError):
    """Too many messages of one casino are rejected, so they are parked; the message has the reason."""


class TooManyRejections(IngestionError):
    """Nearly all casinos' messages are rejected: the cause is probably not in the messages, and an operator must find
    it."""


class SharedFailure(IngestionError):
    """Nearly all casinos' messages fail in an unexpected way: the cause is probably not in their databases."""


class NothingToSend(IngestionError):
    """A casino lacks the users or events that messages need."""


class UploadInProgress(IngestionError):
    """Another process stores messages of the same upload now."""


class UploadChanged(IngestionError):
    """An upload of the same name with other contents was stored before."""


class UploadReadDifferently(IngestionError):
    """Another mapping, or another version of it, made the stored messages of the same upload."""


class UnreadableFile(IngestionError):
    """A file of messages can't be read to its end; the message says where reading stopped."""
