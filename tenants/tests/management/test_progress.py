from contextlib import redirect_stderr
from io import StringIO

from django.core.management.base import OutputWrapper

from tenants.management.cli.progress import ProgressBar


class Terminal(StringIO):
    def isatty(self):
        return True


def _work(stderr, **options):
    with redirect_stderr(stderr), ProgressBar("Migrating", 2, OutputWrapper(stderr), **options) as bar:
        bar.advance()
        bar.write("Gamma: [failed]")
        bar.advance()
    return stderr.getvalue()


def test_terminal_shows_a_bar_and_messages_above_it():
    written = _work(Terminal())
    assert "Gamma: [failed]\n" in written
    assert "2/2" in written


def test_hidden_bar_shows_messages():
    assert _work(Terminal(), is_hidden=True) == "Gamma: [failed]\n"


def test_no_bar_without_a_terminal():
    assert _work(StringIO()) == "Gamma: [failed]\n"


def test_bytes_are_shown_as_such():
    stderr = Terminal()
    with redirect_stderr(stderr), ProgressBar("Importing", 4_000_000, OutputWrapper(stderr), is_bytes=True) as bar:
        bar.advance_to(2_000_000)
    assert "2.0/4.0 MB" in stderr.getvalue()
