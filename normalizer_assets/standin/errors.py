"""Refusals in the real API's shape and words.

Belongs here: the one exception that every endpoint raises, and the wordings that more
than one endpoint uses (facts/openai_batch.md, sections 1 and 2). Does not belong here:
deciding when something is refused.
"""

from typing import Any


class ApiError(Exception):
    """A refusal, as the real API would send it.

    Args:
        message: Text for people.
        status: HTTP status.
        param: The parameter at fault.
        code: Machine-readable code.
        kind: The API's ``type``.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        code: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.code = code
        self.kind = kind

    def body(self) -> dict[str, Any]:
        """Returns the JSON body ``{"error": {message, type, param, code}}``."""
        return {
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": self.param,
                "code": self.code,
            }
        }


def missing_parameter(name: str) -> ApiError:
    """A required parameter was not given."""
    return ApiError(
        f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter"
    )


def invalid_value(name: str, value: object, supported: list[str]) -> ApiError:
    """A parameter has a value outside the allowed ones."""
    allowed = f"'{supported[0]}'"
    if len(supported) > 1:
        allowed = ", ".join(f"'{entry}'" for entry in supported[:-1]) + f", and '{supported[-1]}'"
    return ApiError(
        f"Invalid value: '{value}'. Supported values are: {allowed}.",
        param=name,
        code="invalid_value",
    )


def invalid_type(name: str, expected: str, value: object) -> ApiError:
    """A parameter has the wrong JSON type."""
    names = {
        str: "a string",
        bool: "a boolean",
        int: "an integer",
        float: "a decimal",
        list: "an array",
        dict: "an object",
        type(None): "null",
    }
    return ApiError(
        f"Invalid type for '{name}': expected {expected}, but got {names[type(value)]} instead.",
        param=name,
        code="invalid_type",
    )


def out_of_range(name: str, value: int, lowest: int, highest: int) -> ApiError:
    """An integer parameter lies outside its range."""
    if value < lowest:
        return ApiError(
            f"Invalid '{name}': integer below minimum value. Expected a value >= {lowest}, "
            f"but got {value} instead.",
            param=name,
            code="integer_below_min_value",
        )
    return ApiError(
        f"Invalid '{name}': integer above maximum value. Expected a value <= {highest}, "
        f"but got {value} instead.",
        param=name,
        code="integer_above_max_value",
    )


def unknown_model(name: object) -> ApiError:
    """The model does not exist, or the key may not use it."""
    return ApiError(
        f"The model `{name}` does not exist or you do not have access to it.",
        status=404,
        code="model_not_found",
    )


def server_error() -> ApiError:
    """The passing failure of the other side."""
    return ApiError(
        "The server had an error while processing your request. Sorry about that!",
        status=500,
        kind="server_error",
    )


def rate_limited() -> ApiError:
    """Too many requests or tokens at the moment."""
    return ApiError(
        "Rate limit reached for requests. Please try again later.",
        status=429,
        code="rate_limit_exceeded",
        kind="requests",
    )


def unsupported_temperature(value: object) -> ApiError:
    """A model that reasons was given a temperature."""
    return ApiError(
        f"Unsupported value: 'temperature' does not support {value} with this model. Only the "
        f"default (1) value is supported.",
        param="temperature",
        code="unsupported_value",
    )


USUAL = {
    401: ("invalid_api_key", "invalid_request_error", "Incorrect API key provided."),
    403: (None, "invalid_request_error", "You are not allowed to do this."),
    404: (None, "invalid_request_error", "There is no such object."),
    409: (None, "invalid_request_error", "The object is being changed by another request."),
    500: (None, "server_error", server_error().message),
    503: (None, "server_error", "That model is currently overloaded with other requests."),
}
"""Status -> usual code, type and text of a refusal that a fault makes."""


def refusal_of(status: int, code: str | None) -> ApiError:
    """Returns the refusal that goes with a status, and with a code where one is given."""
    if status == 429:  # noqa: PLR2004
        if code == "insufficient_quota":
            message = "You exceeded your current quota, please check your plan and billing details."
            return ApiError(message, status=status, code=code, kind=code)
        error = rate_limited()
        error.code = code or error.code
        return error
    usual, kind, message = USUAL[status]
    return ApiError(message, status=status, code=code or usual, kind=kind)
