"""What looks like an e-mail address, and what doesn't."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.people.find import is_email


@pytest.mark.parametrize("text", ["ana@example.com", "a+b@x", "müller@exämple.de", "o'neil@example.com", "x" * 64 + "@" + "y" * 189])
def test_address_is_known(text: str) -> None:
    assert is_email(text)


@pytest.mark.parametrize(
    "text", ["", "ana", "@", "a@", "@b", "a@b@c", "a b@c", "a@b,c@d", "Ana <a@b>", "a@b\n", "a@b\x00", "x" * 65 + "@y", "x@" + "y" * 190]
)
def test_other_texts_are_no_address(text: str) -> None:
    assert not is_email(text)


@given(st.text(max_size=300))
def test_what_is_an_address_fits_its_column(text: str) -> None:
    if is_email(text):
        assert 3 <= len(text) <= 254
        assert text.count("@") == 1
