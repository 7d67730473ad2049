"""Changes of a casino's feeds by staff: close and reopen a producer, forget a partition that no longer exists.

The casino's history gets an entry, committed before the change: no change is without an entry.
"""

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User as Login

from recommendations.errors import FeedNotFound
from tenants.models import Casino
from tenants.routing.connections import casino_atomic, query

from .markets import forget_partition

_CLOSE = "UPDATE producers SET closed_by_hand = %s WHERE name = %s RETURNING code"


def close_producer(casino: Casino, name: str, *, is_closed: bool, staff: Login) -> None:
    """Close a producer of the current casino, or reopen it, from the next request on. Raises FeedNotFound."""
    with casino_atomic():
        if not query(_CLOSE, [is_closed, name]):
            raise FeedNotFound(f"This casino has no producer {name}")
        _log(casino, staff, f"{'Closed' if is_closed else 'Reopened'} the producer {name}.")


def forget_silent_partition(casino: Casino, name: str, partition: int, *, staff: Login) -> None:
    """Call `forget_partition`, and log it. Raises FeedInUse."""
    with casino_atomic():
        forget_partition(name, partition)
        _log(casino, staff, f"Forgot partition {partition} of the producer {name}.")


def _log(casino: Casino, staff: Login, message: str) -> None:
    LogEntry.objects.log_actions(staff.pk, [casino], CHANGE, message, single_object=True)
