"""ASGI entry point, for granian: runs the WSGI application; the event loop reads the bodies of requests."""

from . import wsgi  # sets Django up: the next import needs it

in_threads = wsgi.application

from operations.asgi_adapter import AsgiAdapter

application = AsgiAdapter(in_threads)
