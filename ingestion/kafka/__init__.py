"""Kafka's client: its configuration, forwarding and reading messages, offsets, and an embedded broker."""
