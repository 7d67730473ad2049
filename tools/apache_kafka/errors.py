"""Why there is no Apache Kafka here."""


class KafkaError(Exception):
    """Base of this package's errors; its text is for whoever typed `make`."""


class KafkaMissing(KafkaError):
    """What it takes can't be had on this machine at present: Java, Maven, or what Maven fetches."""


class WrongJars(KafkaError):
    """The jars are not those that were meant."""


class BrokerFailed(KafkaError):
    """The broker did not start."""
