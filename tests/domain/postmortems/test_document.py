"""Reading the bytes of a document; what becomes of it is shown over HTTP."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import FollowthroughError, InvalidError, MalformedError, TooLargeError
from domain.postmortems.document import LARGEST_SOURCE, decode_source


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_by_name(raw: bytes) -> None:
    with contextlib.suppress(FollowthroughError):
        source = decode_source(raw)
        assert raw.decode("utf-8-sig") == source
        assert source.strip()
        assert "\x00" not in source


@pytest.mark.parametrize(
    ("raw", "error", "words"),
    [
        (b"a\nb\n\xff", MalformedError, "line 3"),
        (b"a\r\n\xed\xa0\x80", MalformedError, "line 2"),
        (b"a\n\n\x00", InvalidError, "line 3"),
        (b"", InvalidError, "empty"),
        (b"x" * (LARGEST_SOURCE + 1), TooLargeError, "1,048,577"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_refusal_says_where_and_why(raw: bytes, error: type[FollowthroughError], words: str) -> None:
    with pytest.raises(error, match=words):
        decode_source(raw)


def test_largest_document_is_read() -> None:
    assert len(decode_source(b"x" * LARGEST_SOURCE)) == LARGEST_SOURCE
