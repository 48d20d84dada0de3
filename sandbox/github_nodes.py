"""The opaque global ids of the sandbox GitHub."""

import base64
import binascii
import re


def node_id(kind: str, number: int) -> str:
    """Return the global id of what has that number among its kind."""
    return base64.b64encode(f"{len(kind):03}:{kind}{number}".encode()).decode()


def issue_number_of(node: str) -> int | None:
    """Return the number (GitHub's `id`) that the global id of an issue stands for, or None where it is no such id."""
    try:
        text = base64.b64decode(node, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    found = re.fullmatch(r"005:Issue(\d+)", text)
    return int(found[1]) if found else None
