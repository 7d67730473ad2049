"""Maintenance tasks that consumers run between batches, for every casino."""
