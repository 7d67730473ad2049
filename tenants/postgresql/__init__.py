"""Django's PostgreSQL backend for many databases: a bounded connection pool, an identity check of each new connection,
and the embedded server. `pool` also keeps the connections that each thread has checked out."""
