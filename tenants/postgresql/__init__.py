"""Django's PostgreSQL backend for many databases: a bounded connection pool, an identity check of each new connection,
and the embedded server. `checkout` connects the pool with Django's connections.
"""
