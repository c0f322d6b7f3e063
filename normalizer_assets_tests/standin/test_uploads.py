import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer_assets.standin.errors import ApiError
from normalizer_assets.standin.uploads import Form, parse_form

BOUNDARY = "3d6b6a416f9b5c1e"


def form_body(content: bytes, filename: str, purpose: str) -> bytes:
    return (
        f"--{BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="purpose"\r\n\r\n{purpose}\r\n'
        f"--{BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        f"Content-Type: application/octet-stream\r\n\r\n"
    ).encode() + (content + f"\r\n--{BOUNDARY}--\r\n".encode())


@given(st.binary().filter(lambda content: BOUNDARY.encode() not in content))
def test_a_file_arrives_byte_for_byte(content: bytes) -> None:
    body = form_body(content, "batch.jsonl", "batch")
    form = parse_form(f"multipart/form-data; boundary={BOUNDARY}", body)
    assert form == Form({"purpose": "batch"}, "batch.jsonl", content)


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/form-data"])
def test_a_body_that_is_no_form_is_refused(content_type: str) -> None:
    with pytest.raises(ApiError, match="expected multipart/form-data"):
        parse_form(content_type, b"{}")
