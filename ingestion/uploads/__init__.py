"""Uploads: messages in HTTP requests and files, stored in parts by the same code as Kafka's."""
