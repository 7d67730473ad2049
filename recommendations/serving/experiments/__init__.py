"""Experiments in requests: which variant a user gets, and the slips of it.

- `running`: the scheduled and running experiments, as the catalogue stores them for requests
- `assignment`: the variant of a user, computed from the user's id alone
- `enrolment`: which users never take part
- `groups`: the users of a request by variant
"""
