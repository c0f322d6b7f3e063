"""Reading an uploaded form.

Belongs here: multipart/form-data as the OpenAI client sends it. Does not belong here:
what the fields mean. Starlette's own parser needs one more dependency, which a server
for development with one upload endpoint is not worth.
"""

from dataclasses import dataclass, field
from email.message import Message

from normalizer_assets.standin.errors import ApiError


@dataclass(frozen=True)
class Form:
    """One parsed form.

    Attributes:
        fields: Name -> text.
        filename: Name of the uploaded file, ``None`` without one.
        content: Its bytes.
    """

    fields: dict[str, str] = field(default_factory=dict)
    filename: str | None = None
    content: bytes = b""


def parse_form(content_type: str, body: bytes) -> Form:
    """Parses a multipart body with at most one file.

    Args:
        content_type: Value of the ``Content-Type`` header.
        body: The whole body.

    Raises:
        ApiError: It is no multipart form.
    """
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise ApiError(
            f"Invalid Content-Type header ({content_type}), expected multipart/form-data."
        )
    fields: dict[str, str] = {}
    filename, content = None, b""
    delimiter = b"\r\n--" + boundary.encode()
    # The first delimiter has no line break before it.
    for part in (b"\r\n" + body).split(delimiter)[1:-1]:
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        disposition = _disposition(head.decode("utf-8", "replace"))
        name = disposition.get_param("name", header="Content-Disposition")
        if disposition.get_filename() is None:
            fields[str(name)] = value.decode("utf-8", "replace")
        elif name == "file":
            filename, content = disposition.get_filename(), value
    return Form(fields, filename, content)


def _disposition(head: str) -> Message:
    message = Message()
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            message["Content-Disposition"] = value.strip()
    return message
