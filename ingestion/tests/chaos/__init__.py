"""Chaos: does ingestion keep its promises while everything it stands on is being broken?

`python -m ingestion.tests.chaos` (make chaos) builds casinos on a PostgreSQL server of its own, sends messages of all
three topics, some twice, most out of order, a hundredth spoilt, and meanwhile kills consumers, cuts connections,
restarts the server and takes one casino's database away. At the end each casino must hold what the messages say, each
message's effect once; what can't be stored must be a dead letter, byte for byte; and no healthy casino may have waited
for longer than ten seconds.
"""
