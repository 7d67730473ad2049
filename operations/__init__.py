"""The web processes: request bodies and worker threads, health checks, metrics, logs, early rate limit, content
security policy."""
