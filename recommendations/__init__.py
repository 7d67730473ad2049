"""From a casino's offer and its users' history to recommendations."""
