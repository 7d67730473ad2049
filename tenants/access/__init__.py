"""Who may use the service, and how much: API keys, logins' permissions, request limits."""
