"""Effect of each attack on an innocent casino.

    python -m benchmarks.bystander [ATTACK ..]        # all attacks, or these: `--list` names them

For each attack: p50, p99 and the share of errors of an innocent casino before the attack, in its first two seconds and
after them. The web server is a real granian with the arguments of `docs/operations.md`, on PostgreSQL servers of the
benchmark's own; who attacks runs in other processes.

To add an attack, write a context manager that attacks while its block runs, and add it to `attacks.ATTACKS`.
"""
