"""Prices of markets: kept rows, the feeds they come by, the gate that decides which may be served, and the choice."""
