"""What staff change about a casino's feeds: close and reopen a producer, forget a partition that no longer exists.

Each change is logged in the casino's history, whose entry is committed first: nothing is changed without one.
"""

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User as Login

from recommendations.errors import FeedNotFound
from tenants.models import Casino
from tenants.routing.connections import casino_atomic, query

from .markets import lock_prices

_CLOSE = "UPDATE producers SET closed_by_hand = %s WHERE name = %s RETURNING code"
# Never the only one: a feed that is heard for the first time has no time before which its prices are not valid.
_FORGET = """
DELETE FROM feeds USING producers WHERE producer = code AND name = %s AND partition = %s AND EXISTS (
    SELECT FROM feeds AS other WHERE other.producer = code AND other.partition <> feeds.partition
) RETURNING code
"""
# Rows don't tell by which partition a price came, so that none of the producer's is known to be current.
_LOSE_PRICES = "UPDATE feeds SET valid_since = greatest(valid_since, clock_timestamp()) WHERE producer = %s RETURNING 1"


def close_producer(casino: Casino, name: str, *, is_closed: bool, staff: Login) -> None:
    """Close a producer of the current casino, or reopen it, from the next request on. Raises FeedNotFound."""
    with casino_atomic():
        if not query(_CLOSE, [is_closed, name]):
            raise FeedNotFound(f"This casino has no producer {name}")
        _log(casino, staff, f"{'Closed' if is_closed else 'Reopened'} the producer {name}.")


def forget_partition(casino: Casino, name: str, partition: int, *, staff: Login) -> None:
    """Forget a partition by which a producer's messages no longer come: it keeps the feed closed no longer. The
    producer's present prices are closed until they are sent again. Raises FeedNotFound, also for its only partition."""
    with casino_atomic():
        lock_prices()
        forgotten = query(_FORGET, [name, partition])
        if not forgotten:
            raise FeedNotFound(f"The producer {name} has no partition {partition} beside others")
        query(_LOSE_PRICES, forgotten[0])
        _log(casino, staff, f"Forgot partition {partition} of the producer {name}.")


def _log(casino: Casino, staff: Login, message: str) -> None:
    LogEntry.objects.log_actions(staff.pk, [casino], CHANGE, message, single_object=True)
