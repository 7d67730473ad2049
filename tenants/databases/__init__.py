"""PostgreSQL servers and their databases, by plain SQL: addresses, locks, roles, the catalogue database."""
