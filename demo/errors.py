"""What can go wrong in the demo."""


class DemoFailed(Exception):
    """A step of the demo did not do what it should; the message says which, and where to look."""
