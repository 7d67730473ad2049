"""The effect of attacks on an innocent casino.

    python -m benchmarks.bystander [ATTACK ..]        # all attacks, or these; `--list` prints their names

For each attack: p50, p99 and the share of errors of an innocent casino before the attack, in its first two seconds and
after them. The web server is a real granian with the arguments in `docs/operations.md`, on the benchmark's own
PostgreSQL servers; attackers run in other processes.

To add an attack, write a context manager that attacks while its block runs, and add it to `attacks.ATTACKS`.
"""
