"""All errors of the API, for its OpenAPI schema: the stable code, the status and an example of each."""

from dataclasses import dataclass
from typing import Any

_REQUEST_ID = {"request_id": "0191d5b0-7c3e-7a52-9d0b-3f1f6b8a2c11"}


@dataclass(frozen=True, slots=True)
class ErrorCode:
    status: int
    text: str
    details: Any = None


ERROR_CODES: dict[str, ErrorCode] = {
    "casino_id_missing": ErrorCode(400, "Casino-ID header is required"),
    "casino_id_invalid": ErrorCode(400, "Casino-ID header must be an integer"),
    "casino_not_configured": ErrorCode(400, "Casino is not configured. Please set up the casino first."),
    "invalid_configuration": ErrorCode(400, "Both recommender_type and recommendation_schema are required"),
    "invalid_experiment": ErrorCode(400, "experiment: variants: the shares sum to 0.9, not to 1"),
    "invalid_parameter": ErrorCode(400, "limit must be a whole number from 1 to 20"),
    "invalid": ErrorCode(400, "user_ids: This field is required.", {"user_ids": ["This field is required."]}),
    "parse_error": ErrorCode(400, "JSON parse error - Expecting value: line 1 column 1 (char 0)"),
    "bad_request": ErrorCode(400, "Bad request: invalid Host header or malformed headers"),
    "not_authenticated": ErrorCode(
        401, "Authentication required: send 'Authorization: Api-Key ..' or log in as staff."
    ),
    "invalid_api_key": ErrorCode(401, "This API key is not valid"),
    "authentication_failed": ErrorCode(401, "Invalid username/password."),
    "scope_missing": ErrorCode(403, "This API key does not have the scope configure"),
    "casino_forbidden": ErrorCode(403, "This API key is for another casino"),
    "permission_denied": ErrorCode(403, "This login is not permitted to do this"),
    "lists_without_user_off": ErrorCode(
        403, "The casino's option lists_without_user is false. Use /recommend/<user_id> or its /next instead"
    ),
    "casino_not_found": ErrorCode(404, "Casino not found"),
    "user_not_found": ErrorCode(404, "User not found"),
    "event_not_found": ErrorCode(404, "Event not found among the open events"),
    "experiment_not_found": ErrorCode(404, "Lucky Star (casino 1) has no experiment named trees"),
    "test_endpoints_off": ErrorCode(404, "Test endpoints are switched off; RECSYS_TEST_ENDPOINTS=1 switches them on"),
    "not_found": ErrorCode(404, "Not found: /nothing"),
    "method_not_allowed": ErrorCode(405, 'Method "PUT" not allowed.'),
    "not_acceptable": ErrorCode(406, "Could not satisfy the request Accept header."),
    "request_timeout": ErrorCode(408, "The request's body did not arrive in time; send it without pauses"),
    "no_open_events": ErrorCode(409, "There are no events that can be bet on now"),
    "experiment_conflict": ErrorCode(409, "trees (casino 1) was started before: its state is running"),
    "idempotency_key_in_use": ErrorCode(
        409, "A request with this Idempotency-Key is being stored: repeat it after Retry-After seconds"
    ),
    "id_not_of_type": ErrorCode(409, "The id sr:user:1 is no int: map it to string in the recommendation_schema"),
    "length_required": ErrorCode(411, "Chunked bodies are not supported: send the body with a Content-Length"),
    "request_too_large": ErrorCode(413, "The request is too large: send at most 1000000 bytes"),
    "export_too_large": ErrorCode(
        413, "The user's data has 20000000 bytes; a response may have 10000000. Use `manage.py export_user`"
    ),
    "unsupported_media_type": ErrorCode(415, 'Unsupported media type "text/plain" in request.'),
    "idempotency_key_reused": ErrorCode(
        422, "This Idempotency-Key belongs to an earlier request with another body: send a new key"
    ),
    "casino_suspended": ErrorCode(423, "Casino is suspended"),
    "rate_limited": ErrorCode(429, "Too many requests; Retry-After says when to try again", {"retry_after": 1}),
    "logins_limited": ErrorCode(429, "Too many requests; Retry-After says when to try again", {"retry_after": 10}),
    "too_many_at_once": ErrorCode(429, "Too many requests; Retry-After says when to try again", {"retry_after": 1}),
    "internal_error": ErrorCode(500, "Internal error; look it up in the log by the request_id", _REQUEST_ID),
    "server_busy": ErrorCode(503, "The server is busy; Retry-After says when to try again", {"retry_after": 1}),
    "casino_unavailable": ErrorCode(503, "Casino is not available: its state is creating"),
    "casino_behind": ErrorCode(503, "Casino is being upgraded"),
    "database_unavailable": ErrorCode(503, "The casino's database can't be used at present; try again soon"),
}

# Errors of any endpoint, and of any endpoint for a casino's data.
COMMON_CODES = (
    "bad_request", "not_authenticated", "invalid_api_key", "authentication_failed", "permission_denied", "not_found",
    "method_not_allowed", "not_acceptable", "rate_limited", "logins_limited", "too_many_at_once",
    "request_too_large", "internal_error", "database_unavailable", "server_busy",
)  # fmt: skip
CASINO_CODES = (
    *COMMON_CODES, "casino_id_missing", "casino_id_invalid", "scope_missing", "casino_forbidden", "casino_not_found",
    "casino_suspended", "casino_unavailable", "casino_behind",
)  # fmt: skip
REQUEST_BODY_CODES = ("request_timeout", "length_required", "parse_error", "invalid", "unsupported_media_type")
