"""The proof that no wrong price is served: served recommendations are checked against a ledger of all sent messages.

`python -m ingestion.tests.answers` (make answers) sends some 2,000 market changes a second to real consumers, with its
own PostgreSQL server and broker: prices, stops, closings, unreadable messages, late and repeated ones, producers that
go down or fall silent, events that end. It kills consumers, and stops one so that its partitions stall. Meanwhile
processes recommend, in process and over HTTP, and check each leg against the ledger as of the response's own database
snapshot: the messages up to the offsets stored in this snapshot. The ledger neither reads the rows of prices nor uses
the service's checks.
"""
