"""Django's PostgreSQL backend for many databases: a bounded connection pool, an identity check of each new connection,
and the embedded server. `checkout` has the pool, and the connections that each thread has checked out.
"""
