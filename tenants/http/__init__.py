"""Requests: their state (credentials, limits, casino), REST framework's access classes, error responses, the casino switcher."""
