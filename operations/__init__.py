"""Health checks, metrics and logs of the web processes, their early rate limit and content security policy."""
