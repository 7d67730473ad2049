"""Management commands: `commands` the entry points, `cli` shared code, `casino_verbs` the verbs of `casino`."""
