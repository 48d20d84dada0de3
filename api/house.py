"""What a running API holds: made once by `create_app`, found by every request."""

import hashlib
from dataclasses import dataclass
from typing import Any

from litestar.connection import ASGIConnection

from domain.access.tokens import TokenCheck
from domain.bell import Bell
from domain.database import Database
from domain.settings import Settings
from domain.sync.pace import Pacer
from domain.trackers.credentials import Vault


@dataclass(frozen=True, slots=True)
class House:
    """The open connections and the secrets derived from the settings."""

    settings: Settings
    database: Database
    bell: Bell
    pacer: Pacer
    tokens: TokenCheck
    vault: Vault
    cursor_key: bytes


def house_of(connection: ASGIConnection[Any, Any, Any, Any]) -> House:
    """Finds the house that a request came to."""
    house: House = connection.app.state.house
    return house


def cursor_key(settings: Settings) -> bytes:
    """Derives the key that signs cursors from the first secret key."""
    return hashlib.sha256(b"cursor:" + settings.secret_keys[0].encode()).digest()
