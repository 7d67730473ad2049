"""Common parts of commands: arguments, verbs, terminal output and progress bars."""
