"""Errors of the endpoints for messages, each with its status and stable code."""

from rest_framework import status
from rest_framework.exceptions import APIException

MAPPING_CHANGED = (
    "This Idempotency-Key belongs to an earlier request, which is stored in part, and whose mapping has changed since: "
    "restore the mapping and repeat the request, or send the messages that have ids with a new key"
)


class IdempotencyKeyInUse(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "A request with this Idempotency-Key is being stored: repeat it after Retry-After seconds"
    default_code = "idempotency_key_in_use"
    wait = 1  # REST framework sends it as the header Retry-After


class IdempotencyKeyReused(APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "This Idempotency-Key belongs to an earlier request with another body: send a new key"
    default_code = "idempotency_key_reused"
