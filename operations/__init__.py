"""The web processes: reading requests and running them in threads, health checks, metrics, logs, early rate limit,
content security policy."""
