"""Checks an experiment before its start, by the casino's own users and past days: no traffic is needed.

- `eligible`: the users who may take part
- `past_days`: what they did
- `rerandomised`: how often past days show a difference where there is none
- `check`: the result for people and programs
"""
