"""Parked messages, which wait until their casino's database is available again."""
