"""Addresses that this service may call: none inside a private network unless the operator allows it."""

import asyncio
import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

from domain.errors import InvalidError, pointer

# https://www.iana.org/assignments/ipv6-address-space: all else is local, multicast, reserved or holds an IPv4 address.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Not known as such by every Python: documentation (RFC 9637), and the retired relays of 6to4 (RFC 7526).
_NOWHERE = (ipaddress.ip_network("3fff::/20"), ipaddress.ip_network("192.88.99.0/24"))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


async def check_address(url: str, *, allow_private: bool) -> None:
    """Raises InvalidError unless every address behind the URL's host may be called: http(s), and not private, loopback or link-local."""
    parts = _parts(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidError("This is no http address.", pointer("/base_url", "use an address such as https://api.github.com"))
    if parts.username or parts.password:
        raise InvalidError("The address holds a password.", pointer("/base_url", "leave user and password out; use credentials"))
    if allow_private:
        return
    if parts.scheme != "https":
        raise InvalidError("Credentials would travel in clear text.", pointer("/base_url", "use https"))
    private = [address for address in await _addresses(parts.hostname, parts.port or 443) if not is_public(address)]
    if private:
        detail = f"{parts.hostname} is inside a private network."
        raise InvalidError(
            detail, pointer("/base_url", "use a public host, or set FOLLOWTHROUGH_PRIVATE_TRACKERS=true for your own network")
        )


def _parts(url: str) -> SplitResult | None:
    """Splits a URL; None where its host or its port can't be so."""
    try:
        parts = urlsplit(url)
        return None if parts.port == 0 else parts
    except ValueError:  # brackets that don't close, a port above 65535 or in letters
        return None


def is_public(address: str) -> bool:
    """Tells whether an IP address is reachable from everywhere; an IPv4 address within IPv6 counts as itself."""
    found = _unwrapped(ipaddress.ip_address(address))
    if found.version == 6 and found not in _GLOBAL_UNICAST:
        return False
    return found.is_global and not found.is_multicast and not any(found in network for network in _NOWHERE)


def _unwrapped(address: Address) -> Address:
    """Gives the IPv4 address that packets to an IPv6 address end up at: mapped, behind NAT64, or behind 6to4 (RFC 3056)."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address


async def _addresses(host: str, port: int) -> set[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # a host name can be too long to be asked for
        raise InvalidError(f"The host {host} can't be found.", pointer("/base_url", "check the spelling")) from None
    return {str(entry[4][0]) for entry in found}
