"""Dead letters: rejected messages in `<topic>.dead`, written, listed, replayed and purged."""
