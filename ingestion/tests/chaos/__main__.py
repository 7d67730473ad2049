"""`python -m ingestion.tests.chaos`: exit status 1 if a guarantee was broken."""

import argparse
import random
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .servers import CASINOS, VICTIM, VICTIMS_SERVER, Servers, start_servers

# After a kill: the session of the dead member ends (2 s), and its group is balanced twice, since the restarted process
# is a new member (a heartbeat of .7 s and a poll of .2 s each); then a batch is read and stored (1 s). What depends on
# the machine is measured, and comes on top: the start of a process, as long again for joining the group and the first
# batch, and the wait for a retry if PostgreSQL restarts at the same time, which is at most as long as the restart took.
# No topic loses a consumer while it stalls, so that no second kill prolongs this.
STILL_SECONDS = 5.0


@dataclass
class ChaosReport:
    numbers: dict[str, Any] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    outages: list[str] = field(default_factory=list)

    def show(self, seed: int) -> None:
        for name, number in self.numbers.items():
            print(f"{name}: {number}")
        if self.errors:
            print(*self.outages, *self.errors, f"Repeat the same plan with --seed {seed}", sep="\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=240, help="duration of the outages")
    parser.add_argument("--kills", type=int, default=50, help="of consumers")
    parser.add_argument("--restarts", type=int, default=4, help="of PostgreSQL")
    parser.add_argument("--cuts", type=int, default=20, help="of connections")
    parser.add_argument("--rate", type=int, default=200, help="messages per second")
    parser.add_argument("--patience", type=float, default=120, help="seconds to store the rest")
    parser.add_argument(
        "--still", type=float, default=STILL_SECONDS, help="seconds that an available casino may stall beyond the waits"
    )
    parser.add_argument("--logs", type=Path, help="a folder for the consumers' logs")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    arguments = parser.parse_args()
    with start_servers() as servers:
        report = run(servers, arguments)
    report.show(arguments.seed)
    return 1 if report.errors else 0


def run(servers: Servers, arguments: argparse.Namespace) -> ChaosReport:
    from django.db import connections

    from tenants.databases.catalogue import ensure_catalogue
    from tenants.lifecycle.create import create_casino, store_casinos
    from tenants.models import DatabaseServer
    from tenants.routing.context import use_casino

    from .consumers import Consumers
    from .expected import Expected
    from .impressions import store_viewers
    from .outages import Outages
    from .progress_watcher import Watcher
    from .sender import ChaosSender
    from .verify import find_errors, wait_until_done

    rng = random.Random(arguments.seed)
    ensure_catalogue()
    casinos = store_casinos(CASINOS)
    DatabaseServer.objects.create(name=VICTIMS_SERVER)
    victim = create_casino(VICTIM, server=VICTIMS_SERVER)
    casinos.append(victim)
    expected = Expected([casino.pk for casino in casinos])
    for casino in casinos:
        with use_casino(casino.current):
            expected.add_users(casino.pk, store_viewers(rng))
    sender = ChaosSender(expected, random.Random(rng.random()), arguments.rate)
    consumers = Consumers(servers)
    rejecting = rng.choice([casino for casino in casinos if casino != victim])
    watcher = Watcher(expected, [casino for casino in casinos if casino not in {victim, rejecting}])
    outages = Outages(servers, consumers, watcher, sender, victim=victim, rejecting=rejecting, rng=rng)
    report = ChaosReport(outages=outages.log)
    try:
        sender.start()
        watcher.start()
        outages.run(arguments.seconds, kills=arguments.kills, restarts=arguments.restarts, cuts=arguments.cuts)
        sender.finish()
        connections.close_all()  # they may have been cut
        outages_ended_at = time.monotonic()
        report.errors += wait_until_done(casinos, arguments.patience)
        report.numbers["all stored after"] = f"{time.monotonic() - outages_ended_at:.0f} s"
        watcher.end()
        consumers.restart_ended()
    finally:
        consumers.end()
        if arguments.logs:
            shutil.copytree(servers.logs, arguments.logs, dirs_exist_ok=True)
    report.errors += find_errors(expected, casinos) + consumers.crashes + consumers.tracebacks()
    seconds, partition = watcher.longest
    limit = arguments.still + 2 * consumers.longest_start + watcher.longest_pause
    if seconds > limit:
        report.errors.append(f"an available casino stalled for {seconds:.1f} s (limit {limit:.1f} s): {partition}")
    report.numbers |= {
        "messages": dict(expected.sent),
        "market lines": sum(len(casino.odds.markets) for casino in expected.casinos.values()),
        "impressions": sum(len(casino.impressions.rows) for casino in expected.casinos.values()),
        "dead letters": len(expected.dead),
        "kills": consumers.kills,
        "longest stall of an available casino": f"{seconds:.1f} s, {partition}; limit {limit:.1f} s",
        "longest start of a consumer": f"{consumers.longest_start:.1f} s",
        "longest restart of PostgreSQL": f"{watcher.longest_pause:.1f} s",
    }
    return report


if __name__ == "__main__":
    sys.exit(main())
