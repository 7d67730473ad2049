"""Runs one Apache Kafka broker on loopback, without containers, for development and tests."""
