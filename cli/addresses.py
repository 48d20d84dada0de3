"""Addresses of servers as they may be shown: without user and password."""


def without_secrets(url: str) -> str:
    """Leaves scheme, host, port, path and socket of an address; a password may itself hold `/`, `?` or `@`."""
    scheme, _, rest = url.partition("://")
    place, _, options = rest.rpartition("@")[2].partition("?")
    if "password=" in rest:
        return f"{scheme}://…"
    sockets = [option for option in options.split("&") if option.startswith("host=")]
    return f"{scheme}://{place}" + (f"?{sockets[0]}" if sockets else "")
