"""Producers: the publisher of served recommendations, and senders of dummy messages and of load."""
