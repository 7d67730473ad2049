"""Fitted models: the table that stores them, and the cache that serves them."""
