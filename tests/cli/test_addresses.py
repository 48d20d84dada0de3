"""How addresses are shown."""

import pytest

from cli.addresses import without_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ana:secret@db:5432/followthrough?sslmode=require", "postgresql://db:5432/followthrough"),
        ("postgresql://ana:se/cr?et@x@db/followthrough", "postgresql://db/followthrough"),
        ("postgresql://postgres@/followthrough?host=/tmp/pg", "postgresql:///followthrough?host=/tmp/pg"),
        ("postgresql:///followthrough?host=/tmp/pg&user=ana&password=sec@ret", "postgresql://…"),
        ("redis://:secret@127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("unix:///tmp/valkey.sock?db=3", "unix:///tmp/valkey.sock"),
        ("https://example.com", "https://example.com"),
    ],
)
def test_shown_address_has_no_password(url: str, shown: str) -> None:
    assert without_secrets(url) == shown
