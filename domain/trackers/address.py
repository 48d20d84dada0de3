"""Addresses that this service may call: none inside a private network unless the operator allows it."""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

from domain.errors import InvalidError, pointer


async def check_address(url: str, *, allow_private: bool) -> None:
    """Raises InvalidError unless every address behind the URL's host may be called: http(s), and not private, loopback or link-local."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
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


def is_public(address: str) -> bool:
    """Tells whether an IP address is reachable from everywhere; an IPv4 address within IPv6 counts as itself."""
    parsed = ipaddress.ip_address(address)
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_global


async def _addresses(host: str, port: int) -> set[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # a host name can be too long to be asked for
        raise InvalidError(f"The host {host} can't be found.", pointer("/base_url", "check the spelling")) from None
    return {str(entry[4][0]) for entry in found}
