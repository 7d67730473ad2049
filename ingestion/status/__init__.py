"""The state of ingestion: consumer lag, message counts, and parked messages."""
