"""`followthrough secret-key`."""

from cryptography.fernet import Fernet

from tests.cli.commands import followthrough


def test_secret_key_is_good_for_fernet_and_new_each_time() -> None:
    first, second = followthrough("secret-key"), followthrough("secret-key")
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout != second.stdout
    assert Fernet(first.stdout.strip()).decrypt(Fernet(first.stdout.strip()).encrypt(b"secret")) == b"secret"
