"""The Django project: settings, URLs and the WSGI and ASGI applications."""
