"""Prices of markets: the cache, the producers' feeds, the gate that decides which may be served, and the choice."""
