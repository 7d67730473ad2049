"""Brings stored text and the natural keys computed from it into the normal form, for migration 0025.

- `database`: pages of rows with other text than ASCII, and updates of them.
- `events`: events and teams; `users`; `coupons`: selections; `tallies`: the casino's tallies.
- `natural_keys`: new keys, and the rows that become one by them.
"""
