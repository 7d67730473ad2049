"""`manage.py fill_dummy_casinos`: create casinos with dummy users, teams and events on the first start.

It is idempotent, and completes an interrupted run.
"""

import random
from typing import Any

from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from recommendations.models import Event, User
from recommendations.simulation.dummies import dummy_event, dummy_user
from recommendations.storing import store_events, store_users
from recommendations.storing.learnt_values import learn, values_to_learn
from tenants.lifecycle.create import store_casinos
from tenants.models import Casino
from tenants.numbers import as_count
from tenants.routing.context import use_casino


class Command(BaseCommand):
    requires_system_checks = [Tags.models]  # the others import all URLs and pages
    help = "Create dummy casinos with users, teams and events. Does nothing if other casinos exist."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--casinos", type=as_count, default=3, metavar="N", help="number of casinos (%(default)s)")
        parser.add_argument("--users", type=as_count, default=50, metavar="N", help="users per casino (%(default)s)")
        parser.add_argument("--events", type=as_count, default=300, metavar="N", help="events per casino (%(default)s)")

    def handle(self, *args: Any, casinos: int, users: int, events: int, **options: Any) -> None:
        names = [f"Dummy casino {number}" for number in range(1, casinos + 1)]
        if Casino.objects.exclude(name__in=names).exists():
            self.stdout.write("Other casinos exist: no dummy casinos were created.")
            return
        for casino in store_casinos(names):
            self._fill(casino, users, events)
            self.stdout.write(f"{casino}: dummy users and events are stored.")

    def _fill(self, casino: Casino, users: int, events: int) -> None:
        rng, now = random.Random(casino.pk), timezone.now()
        with use_casino(casino.current):
            if not User.objects.exists():
                rows = [dummy_user(rng, now=now) for _ in range(users)]
                learn(set().union(*map(values_to_learn, rows)))
                store_users(rows)
            if not Event.objects.exists():
                offer = [dummy_event(rng, now=now) for _ in range(events)]
                learn(set().union(*map(values_to_learn, offer)))
                store_events(offer)
