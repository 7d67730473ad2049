"""The chaos test: ingestion keeps its guarantees while its servers and connections fail.

`python -m ingestion.tests.chaos` (make chaos) creates casinos on two own PostgreSQL servers and sends messages of four
topics: some twice, most out of order, one percent invalid. Meanwhile it kills consumers, cuts connections, restarts the
first server, makes the database of the casino on the second one unavailable, and later freezes that server. One
casino's database has a raising trigger for half the time. A real broker recreates one topic and adds a partition to
another. In the end each casino must have each message's effect once, each invalid message must be a dead letter, byte
for byte, and no available casino may have stalled for longer than the outages explain.
"""
