"""Finds and repairs differences between the catalogue and the servers: `symptoms` are checks that yield `findings`."""
