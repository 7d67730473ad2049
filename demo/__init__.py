"""`manage.py demo`: runs the whole service on an embedded PostgreSQL and Kafka broker, with real fixtures.

`steps`: the demo's steps; `processes`: its child processes; `output`: the printed texts.
"""
