"""Errors in the Messages API's own shape (https://docs.anthropic.com/en/api/errors)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""The error type that goes with a status, where the API names one."""

MESSAGES = {
    401: "invalid x-api-key",
    402: "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing "
    "to upgrade or purchase credits.",
    403: "Your API key does not have permission to use the specified resource.",
    404: "Not Found",
    413: "Request exceeds the maximum size",
    429: "This request would exceed your organization's rate limit.",
    500: "Internal server error",
    504: "Request timed out",
    529: "Overloaded",
}
"""The API's message for a status, where it doesn't depend on the request."""


def error_type(status: int) -> str:
    """Name the error type of a status; for one that the API doesn't list, the nearest."""
    return TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")


class OfflineClaudeError(Exception):
    """The offline Claude can't be started or reached; the message says what to do."""


class ApiError(Exception):
    """A refusal by the API.

    Attributes:
        status: HTTP status.
        type: The error type; the status's own by default.
        message: The API's wording.
        details: Machine-readable details, usually none.
        headers: Further response headers, such as `retry-after`.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str | None = None,
        details: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.type = type or error_type(status)
        self.message = message
        self.details = details
        self.headers = dict(headers or {})

    def body(self, request_id: str) -> dict[str, Any]:
        """Build the response body in the API's shape."""
        error = {"type": self.type, "message": self.message, "details": self.details}
        return {"type": "error", "error": error, "request_id": request_id}


def invalid(message: str) -> ApiError:
    """Build the most common refusal: 400 `invalid_request_error`."""
    return ApiError(400, message)
