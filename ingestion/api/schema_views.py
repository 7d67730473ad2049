"""Serves the JSON Schema of each topic's messages."""

import hashlib

from django.http import HttpResponse
from django.utils.cache import patch_cache_control
from django.utils.decorators import method_decorator
from django.views.decorators.http import etag
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

from ingestion.topics import TOPICS
from recommendations.api import openapi as docs

from .schema_documents import encoded_schema

_CACHE_SECONDS = 3_600
_TOPIC = OpenApiParameter("topic", {"type": "string", "enum": [*TOPICS]}, OpenApiParameter.PATH)


def _etag(request: Request, topic: str) -> str | None:
    return f'"{hashlib.sha256(encoded_schema(topic)).hexdigest()}"' if topic in TOPICS else None


class MessageSchemaView(APIView):
    """JSON Schema (2020-12) of the messages of a topic, with units, defaults and examples."""

    http_method_names = ["get", "head", "options"]

    @docs.shared_endpoint(docs.JSON_SCHEMA, operation_id="message_schema", parameters=[_TOPIC])
    @method_decorator(etag(_etag))
    def get(self, request: Request, topic: str) -> HttpResponse:
        if topic not in TOPICS:
            raise NotFound(f"There is no topic {topic[:100]!r}: use one of {', '.join(TOPICS)}")
        response = HttpResponse(encoded_schema(topic), content_type="application/json")
        patch_cache_control(response, private=True, max_age=_CACHE_SECONDS)
        return response
