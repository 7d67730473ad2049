"""Authentication, authorisation and limits: API keys, logins' permissions, request limits."""
