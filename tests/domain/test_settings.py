"""Settings are checked at start, and everything wrong is told at once."""

import pytest
from cryptography.fernet import Fernet

from domain.settings import SettingsError, load_settings

KEY = Fernet.generate_key().decode()
GOOD = {"DATABASE_URL": "postgres://a@b/c", "REDIS_URL": "redis://d", "FOLLOWTHROUGH_SECRET_KEY": f"{KEY}, {KEY}"}
NAMES = (*GOOD, "PORT", "PUBLIC_URL", "FOLLOWTHROUGH_BOOTSTRAP_TOKEN", "FOLLOWTHROUGH_LOG_LEVEL", "FOLLOWTHROUGH_LEASE_SECONDS")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_good_settings_are_read(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PUBLIC_URL", "https://f.example/")
    environment.setenv("PORT", "")
    settings = load_settings()
    assert (settings.database_url, settings.public_url, settings.port) == ("postgresql://a@b/c", "https://f.example", 8000)
    assert settings.secret_keys == (KEY, KEY)


def test_every_wrong_or_missing_name_is_told_at_once_and_no_value_is(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("DATABASE_URL")
    environment.setenv("REDIS_URL", "http://secret-place")
    environment.setenv("FOLLOWTHROUGH_SECRET_KEY", "too-short-secret")
    environment.setenv("FOLLOWTHROUGH_BOOTSTRAP_TOKEN", "short-token")
    environment.setenv("PORT", "99999999")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    text = str(caught.value)
    for name in ("DATABASE_URL", "REDIS_URL", "FOLLOWTHROUGH_SECRET_KEY", "FOLLOWTHROUGH_BOOTSTRAP_TOKEN", "PORT"):
        assert name in text
    for value in ("secret-place", "too-short-secret", "short-token"):
        assert value not in text


def test_timeouts_must_nest(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FOLLOWTHROUGH_LEASE_SECONDS", "5")
    with pytest.raises(SettingsError, match="FOLLOWTHROUGH_LEASE_SECONDS"):
        load_settings()


def test_settings_show_no_secret(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FOLLOWTHROUGH_BOOTSTRAP_TOKEN", "ft_" + "b" * 30)
    assert KEY not in repr(load_settings())
    assert "b" * 30 not in repr(load_settings())
