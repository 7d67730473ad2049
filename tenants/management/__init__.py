"""Management commands: `commands` has Django's entry points, `cli` what they share, the other modules their verbs."""
