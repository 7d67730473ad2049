"""`manage.py fill_dummy_casinos`: a few casinos with dummy users, teams and events, on a first start.

A second call finds them filled and changes nothing; one after a crash goes on where that one stopped.
"""

import random
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from recommendations.models import Event, User
from recommendations.simulation.dummies import dummy_event, dummy_user
from recommendations.storing import store_events, store_users
from tenants.lifecycle.create import store_casinos
from tenants.models import Casino
from tenants.routing.context import use_casino


class Command(BaseCommand):
    help = "Make a few dummy casinos with users, teams and events; does nothing if there are other casinos already."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--casinos", type=int, default=3, metavar="N", help="how many (%(default)s)")
        parser.add_argument("--users", type=int, default=50, metavar="N", help="users of each (%(default)s)")
        parser.add_argument("--events", type=int, default=300, metavar="N", help="events of each (%(default)s)")

    def handle(self, *args: Any, casinos: int, users: int, events: int, **options: Any) -> None:
        names = [f"Dummy casino {number}" for number in range(1, casinos + 1)]
        if Casino.objects.exclude(name__in=names).exists():
            self.stdout.write("There are other casinos already; nothing was filled.")
            return
        for casino in store_casinos(names):
            self._fill(casino, users, events)
            self.stdout.write(f"{casino} has dummy users and events.")

    def _fill(self, casino: Casino, users: int, events: int) -> None:
        rng, now = random.Random(casino.pk), timezone.now()
        with use_casino(casino.current):
            if not User.objects.exists():
                store_users([dummy_user(rng, now=now) for _ in range(users)])
            if not Event.objects.exists():
                store_events([dummy_event(rng, now=now) for _ in range(events)])
