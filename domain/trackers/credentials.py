"""Secrets of trackers, encrypted at rest with the first of the configured keys; older keys still decrypt."""

import json
import secrets
from typing import Any, cast

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from domain.errors import UnavailableError


class Vault:
    """Encrypts and decrypts with FOLLOWTHROUGH_SECRET_KEY; put a new key in front to rotate."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, text: str) -> bytes:
        """Encrypts a text."""
        return self._fernet.encrypt(text.encode())

    def open(self, sealed: bytes) -> str:
        """Decrypts what `seal` made; raises UnavailableError when none of the keys fits."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise UnavailableError(
                "A stored secret can't be decrypted with any key in FOLLOWTHROUGH_SECRET_KEY: the key that encrypted it is missing."
            ) from None

    def seal_json(self, value: dict[str, Any]) -> bytes:
        """Encrypts a JSON object."""
        return self.seal(json.dumps(value))

    def open_json(self, sealed: bytes) -> dict[str, Any]:
        """Decrypts a JSON object."""
        return cast(dict[str, Any], json.loads(self.open(sealed)))


def new_webhook_secret() -> str:
    """Makes a secret for signing webhooks: 256 random bits in URL-safe base64."""
    return secrets.token_urlsafe(32)
