"""Experiments in requests: the variants of users, and their slips.

- `running`: the scheduled and running experiments, as stored in the catalogue for requests
- `assignment`: the variant of a user, computed from the user's id
- `enrolment`: the users who never take part
- `groups`: the users of a request by variant
"""
