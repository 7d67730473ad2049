"""Health checks, metrics and logs of the web processes: middleware, probes and log format."""
