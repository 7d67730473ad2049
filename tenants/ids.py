"""Ids of rows: whole numbers from 1 to the greatest of PostgreSQL's bigint."""

MAX_ID = 2**63 - 1
