"""Experiments: users are assigned to variants at random, and the variants compared.

- `definition`: an experiment as it is posted, with its JSON Schema
- `ranges`: the part of a casino's users that takes part in each
- `lifecycle`: creating, starting, growing and stopping them
- `description`: one for people and programs
- `checking/`: what is known before the start, by the casino's past days
- `statistics/`: how variants are compared
"""
