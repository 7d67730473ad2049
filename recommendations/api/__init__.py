"""The HTTP API: views, request bodies, errors and the OpenAPI schema."""
