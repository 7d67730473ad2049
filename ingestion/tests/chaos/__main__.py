"""`python -m ingestion.tests.chaos`: a run of some minutes, or a short one; exit status 1 if a promise was broken."""

import argparse
import random
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .servers import CASINOS, World, new_world


@dataclass
class Report:
    facts: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    deeds: list[str] = field(default_factory=list)

    def show(self, seed: int) -> None:
        for name, fact in self.facts.items():
            print(f"{name}: {fact}")
        if self.faults:
            print(*self.deeds, *self.faults, f"Once more with the same plan: --seed {seed}", sep="\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=240, help="of sabotage")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--restarts", type=int, default=4, help="of PostgreSQL")
    parser.add_argument("--cuts", type=int, default=20, help="of connections")
    parser.add_argument("--rate", type=int, default=200, help="messages a second")
    parser.add_argument("--patience", type=float, default=120, help="seconds that all may take to come right again")
    parser.add_argument("--still", type=float, default=10, help="seconds that a healthy casino may stand still")
    parser.add_argument("--logs", type=Path, help="a folder to leave the consumers' logs in")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    arguments = parser.parse_args()
    with new_world() as world:
        report = run(world, arguments)
    report.show(arguments.seed)
    return 1 if report.faults else 0


def run(world: World, arguments: argparse.Namespace) -> Report:
    from django.db import connections

    from tenants.databases.catalogue import ensure_catalogue
    from tenants.lifecycle.create import store_casinos

    from .consumers import Consumers
    from .expected import Truth
    from .outages import Saboteur
    from .progress_watcher import Watcher
    from .sender import Sender
    from .verify import find_errors, wait_until_done

    rng = random.Random(arguments.seed)
    ensure_catalogue()
    casinos = store_casinos(CASINOS)
    victim = rng.choice(casinos)
    truth = Truth([casino.pk for casino in casinos])
    sender = Sender(truth, random.Random(rng.random()), arguments.rate)
    consumers = Consumers(world)
    watcher = Watcher(truth, [casino for casino in casinos if casino != victim])
    saboteur = Saboteur(world, consumers, watcher, victim, rng)
    report = Report(deeds=saboteur.log)
    try:
        sender.start()
        watcher.start()
        saboteur.run(arguments.seconds, kills=arguments.kills, restarts=arguments.restarts, cuts=arguments.cuts)
        sender.finish()
        connections.close_all()  # they may have been cut
        calm_at = time.monotonic()
        report.faults += wait_until_done(casinos, arguments.patience)
        report.facts["right again after"] = f"{time.monotonic() - calm_at:.0f} s"
        watcher.end()
        consumers.look()
    finally:
        consumers.end()
        if arguments.logs:
            shutil.copytree(world.logs, arguments.logs, dirs_exist_ok=True)
    report.faults += find_errors(truth, casinos) + consumers.crashes + consumers.tracebacks()
    still, stream = watcher.longest
    if still > arguments.still:
        report.faults.append(f"a healthy casino's messages stood still for {still:.1f} s: {stream}")
    report.facts |= {
        "messages": dict(truth.sent),
        "dead letters": len(truth.dead),
        "kills": consumers.kills,
        "longest stand-still of a healthy casino": f"{still:.1f} s, {stream}",
    }
    return report


if __name__ == "__main__":
    sys.exit(main())
