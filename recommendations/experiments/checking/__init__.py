"""Checks an experiment before its start, by the casino's own users and past days: no traffic is needed.

- `eligible`: the users who may take part
- `past_days`: the metric of these users on past days
- `rerandomised`: the false positive rate on past days
- `check`: the result; `sentences`: its text
"""
