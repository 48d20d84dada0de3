"""What may be called: public addresses alone, in whatever form they come."""

import pytest

from domain.errors import InvalidError
from domain.trackers.address import check_address, is_public
from domain.trackers.contract import Failure, TrackerError
from domain.trackers.github_trip import Watchdog
from domain.trackers.github_wire import Wire


@pytest.mark.parametrize(
    "address",
    [
        "140.82.121.6",
        "8.8.8.8",
        "2606:50c0:8000::153",
        "2001:4860:4860::8888",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
    ],
)
def test_public_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:224.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::224.0.0.1",
        "64:ff9b:1::8.8.8.8",
        "64:ff9b:1:abcd::10.0.0.1",
        "100::1",
        "2001::7f00:1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:a00:1::",
        "2002:c0a8:101::1",
        "2002:e000:1::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456:789a::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ],
)
def test_other_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("allow_private", [True, False])
@pytest.mark.parametrize(
    "url",
    [
        "https://[::1",
        "https://::1]",
        "https://[nonsense]",
        "https://example.com:99999",
        "https://example.com:0",
        "https://example.com:abc",
        "https://example.com:-1",
        "https://",
        "https://:443",
        "ftp://example.com",
        "https://a:b@example.com",
        "https://ex\u2100mple.com",
    ],
)
async def test_address_that_cannot_be_so_is_refused(url: str, allow_private: bool) -> None:
    with pytest.raises(InvalidError) as caught:
        await check_address(url, allow_private=allow_private)
    assert [place.at for place in caught.value.places] == ["/base_url"]


@pytest.mark.parametrize("url", ["https://127.0.0.1", "https://[::ffff:10.0.0.1]:8443", "https://[64:ff9b::7f00:1]", "http://8.8.8.8"])
async def test_private_or_open_address_needs_the_operator(url: str) -> None:
    with pytest.raises(InvalidError):
        await check_address(url, allow_private=False)
    await check_address(url, allow_private=True)


async def test_public_address_is_allowed() -> None:
    await check_address("https://8.8.8.8:8443/api/v3", allow_private=False)


@pytest.mark.parametrize("url", ["https://[::1", "https://example.com:99999", "http://x:abc"])
def test_adapter_cannot_reach_an_address_that_cannot_be_so(url: str) -> None:
    with pytest.raises(TrackerError) as caught:
        Wire(url, Watchdog(1.0))
    assert (caught.value.failure, caught.value.code, caught.value.calls) == (Failure.DEFINITE, "unreachable", 0)
