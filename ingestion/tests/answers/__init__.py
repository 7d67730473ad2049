"""The proof that no wrong price is served: answers are checked against a ledger of all sent messages.

`python -m ingestion.tests.answers` (make answers) sends some 2,000 market changes a second to real consumers, with a
PostgreSQL server and a broker of its own: prices, stops, closings, messages that can't be read, late and repeated ones,
producers that go down or fall silent, events that end. It kills consumers, and stops one so that its partitions stall.
Meanwhile processes recommend, in process and by HTTP, and check each leg against the ledger as of the answer's own
database snapshot: the messages that were sent, up to the offsets that this snapshot has as stored. The ledger neither
reads the prices' rows nor knows the gate.
"""
