"""`secret-key`: makes a key that encrypts trackers' credentials; it needs no settings, being one of them."""

from argparse import Namespace

from cryptography.fernet import Fernet

from cli.failure import FINE


def run(arguments: Namespace) -> int:
    """Prints the key alone, so that it can be captured."""
    print(Fernet.generate_key().decode())
    return FINE
