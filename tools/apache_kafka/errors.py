"""Errors of this package."""


class KafkaError(Exception):
    """Base class. The command line prints the message."""


class KafkaMissing(KafkaError):
    """Java, Maven or the jars are not available on this machine."""


class WrongJars(KafkaError):
    """A jar does not match its checksum."""


class BrokerFailed(KafkaError):
    """The broker did not start."""
