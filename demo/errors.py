"""The demo's exception."""


class DemoFailed(Exception):
    """A step of the demo failed. The message names the step and the log file."""
