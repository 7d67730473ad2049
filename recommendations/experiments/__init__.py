"""Experiments: users are assigned to variants at random, and the variants compared.

- `definition`: the definition of an experiment, with its JSON Schema
- `ranges`: the users of each experiment
- `lifecycle`: creating, starting, growing and stopping experiments
- `description`: an experiment as JSON
- `checking/`: checks before the start, on the casino's past days
- `statistics/`: the comparison of variants
"""
