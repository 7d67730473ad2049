"""Ingestion: stores Kafka's messages in the casinos' databases, and publishes served recommendations.

A message's path: `consumer` reads it, `messages` decodes it, and `storing` stores it or sends it to `parking` (the
casino's database is unavailable) or to `dead_letters` (the message is rejected).
"""
