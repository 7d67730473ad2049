"""What ingestion asks the catalogue. While it does not answer, nothing can be stored for anybody."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import Error, connection

from ingestion.errors import AllDatabasesUnavailable
from tenants.models import Casino
from tenants.models.casino import ENDED_STATES


@contextmanager
def asking_catalogue() -> Iterator[None]:
    """Raises AllDatabasesUnavailable if what the block asks the catalogue's database is not answered."""
    try:
        yield
    except Error as error:
        raise AllDatabasesUnavailable(f"the catalogue does not answer: {error}") from error


def find_casinos(ids: Iterable[int | None]) -> dict[int, Casino]:
    """The casinos of these ids that are there or will be. Raises AllDatabasesUnavailable."""
    with asking_catalogue():
        return Casino.objects.exclude(state__in=ENDED_STATES).in_bulk([each for each in ids if each is not None])


def require_catalogue() -> None:
    """Raises AllDatabasesUnavailable unless the catalogue's database answers."""
    with asking_catalogue(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
