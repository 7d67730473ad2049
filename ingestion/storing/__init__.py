"""Storing messages: a batch is dispatched by casino; each casino's part is one transaction with its ledger."""
