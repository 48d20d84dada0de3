"""Tokens are known by their hash; a look-up is trusted for less than a second and the memory of them is bounded."""

from typing import Any

import pytest

from domain.access import tokens
from domain.access.table import Scope
from domain.access.tokens import CACHE_SIZE, TRUST_SECONDS, TokenCheck, hash_token, imply


class CountingPool:
    """Knows no token, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def fetchrow(self, *_: Any) -> None:
        self.asked += 1


def test_trust_ends_within_a_second() -> None:
    assert TRUST_SECONDS < 1


@pytest.mark.parametrize(
    ("given", "implied"), [(["read"], "read"), (["write"], "read write"), (["sync"], "read sync"), (["admin"], "admin read sync write")]
)
def test_scopes_include_others(given: list[Scope], implied: str) -> None:
    assert sorted(imply(given)) == implied.split()


async def test_unknown_token_is_asked_for_once_and_never_fills_the_memory() -> None:
    pool = CountingPool()
    check = TokenCheck(pool, bootstrap_token=None)
    for _ in range(5):
        assert await check.caller("ft_unknown") is None
    assert pool.asked == 1
    for number in range(CACHE_SIZE + 50):
        await check.caller(f"ft_{number}")
    assert len(check._known) <= CACHE_SIZE


async def test_bootstrap_token_needs_no_database() -> None:
    pool = CountingPool()
    check = TokenCheck(pool, bootstrap_token="ft_bootstrap")
    caller = await check.caller("ft_bootstrap")
    assert caller is not None
    assert (caller.name, caller.scopes, pool.asked) == ("bootstrap", frozenset(Scope), 0)
    assert await check.caller("ft_bootstrapx") is None


def test_hash_is_sha_256() -> None:
    assert hash_token("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert tokens.PREFIX == "ft_"
