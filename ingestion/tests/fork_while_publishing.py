"""Publishes, forks, and publishes in parent and children at the same time: user 1 by the parent, 2 and 3 by children.

Prints as JSON the children's exit statuses, and the threads of Kafka's clients at each fork.
"""

import json
import os
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import django

threads: list[list[str]] = []


def note_threads() -> None:
    names = [file.read_text().strip() for file in Path("/proc/self/task").glob("*/comm")]
    threads.append([name for name in names if name.startswith("rdk:")])


os.register_at_fork(before=note_threads)  # registered first, so it runs last


def publish(user_id: int) -> None:
    from recommendations.serving.recommendation import ServedRecommendation, recommendation_served

    for _ in range(10):
        served = ServedRecommendation(
            recommendation_id=uuid4(),
            user_id=user_id,
            timestamp=datetime.now(UTC),
            recommender="static",
            asked_for="static",
            stake=Decimal(10),
            currency="EUR",
            events=(),
        )
        recommendation_served.send_robust(ServedRecommendation, casino_id=1, served=served)


def fork(user_id: int) -> int:
    pid = os.fork()
    if pid == 0:
        publish(user_id)
        sys.exit()
    return pid


def main() -> None:
    django.setup()
    from tenants.current_casino import CurrentCasino
    from tenants.routing.context import use_casino

    with use_casino(CurrentCasino(1, "unused")):
        publish(1)
        children = [fork(2), fork(3)]
        publish(1)
    json.dump({"statuses": [os.waitpid(child, 0)[1] for child in children], "threads": threads}, sys.stdout)


main()
