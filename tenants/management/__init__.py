"""Management commands: `commands` as Django finds them, `cli` what they share, `casino_verbs` the verbs of `casino`."""
