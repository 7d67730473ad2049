"""Kafka's client: its configuration, names on the broker, forwarding and reading messages, offsets, an embedded
broker."""
