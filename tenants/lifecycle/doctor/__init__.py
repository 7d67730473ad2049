"""Finds and repairs differences between the catalogue and the servers: the checks in `symptoms` yield `findings`."""
