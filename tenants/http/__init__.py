"""Requests: credentials, limits and casino (`request_state`, `middleware`), error responses, the casino switcher."""
