"""Learning from a casino's own history what its users go by."""
