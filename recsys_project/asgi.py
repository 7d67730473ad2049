"""ASGI entry point, for granian: runs the WSGI application, whose requests are read in the event loop."""

from . import wsgi  # sets Django up, which the next import needs

in_threads = wsgi.application

from operations.asgi_adapter import AsgiAdapter

application = AsgiAdapter(in_threads)
