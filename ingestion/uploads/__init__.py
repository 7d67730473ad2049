"""Uploads: messages that come in HTTP requests and in files, stored in parts by the same code as Kafka's."""
