"""Stores messages: a batch is split by casino, and each casino's part is one transaction with its ledger."""
