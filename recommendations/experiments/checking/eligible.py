"""The users who may take part in an experiment, by the rules of serving."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import numpy as np

from recommendations.experiments.statistics.moments import Ints
from recommendations.models import User
from recommendations.serving.experiments.enrolment import may_enrol
from recommendations.serving.guard_rails import refuse
from recommendations.serving.options import Options

_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class _User:
    """The columns that decide whether a user may take part."""

    id: int
    status: str
    status_until: datetime | None
    is_withheld: bool
    birth_year: int | None
    birth_date: date | None
    currency: str
    country: str
    stake_limit: Decimal | None
    limit_left: Decimal | None
    restricted_until: datetime | None
    personalisation: bool


@dataclass(frozen=True, slots=True)
class Eligible:
    """The `ids`, ascending, of the users who may take part, and the number of all `users`."""

    ids: Ints
    users: int


def read_eligible(options: Options, now: datetime) -> Eligible:
    """The current casino's users who may take part at `now`, by the rules of serving."""
    ids, users = [], 0
    for row in User.objects.values_list(*_User.__slots__).iterator(chunk_size=_CHUNK):
        user = _User(*row)
        users += 1
        if may_enrol(user, now) and refuse(user, options, now) is None:
            ids.append(user.id)
    return Eligible(np.sort(np.array(ids, dtype=np.int64)), users)
