"""The settings: environment variables, read and checked once at start, then passed around as one frozen object."""

from typing import Annotated, Any

from cryptography.fernet import Fernet
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class SettingsError(Exception):
    """Some settings are missing or wrong; the message lists every one of them."""


def _postgres_url(value: str) -> str:
    scheme, separator, rest = value.partition("://")
    if not separator or scheme not in {"postgres", "postgresql", "postgresql+asyncpg"}:
        raise ValueError("must start with postgresql://")
    return f"postgresql://{rest}"


def _redis_url(value: str) -> str:
    if value.partition("://")[0] not in {"redis", "rediss", "unix"}:
        raise ValueError("must start with redis://, rediss:// or unix://")
    return value


def _http_url(value: str) -> str:
    if value.partition("://")[0] not in {"http", "https"}:
        raise ValueError("must start with http:// or https://")
    return value.rstrip("/")


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _fernet_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    for key in keys:
        try:
            Fernet(key)
        except ValueError:
            raise ValueError("each key must be 32 bytes in URL-safe base64 (`followthrough secret-key` makes one)") from None
    if not keys:
        raise ValueError("at least one key is needed")
    return keys


class Settings(BaseSettings):
    """Everything that can be set from outside. Durations are in seconds."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True)

    database_url: Annotated[str, AfterValidator(_postgres_url)] = Field(validation_alias="DATABASE_URL")
    redis_url: Annotated[str, AfterValidator(_redis_url)] = Field(validation_alias="REDIS_URL")
    public_url: Annotated[str, AfterValidator(_http_url)] = Field("http://127.0.0.1:8000", validation_alias="PUBLIC_URL")
    host: str = Field("127.0.0.1", validation_alias="HOST")
    port: int = Field(8000, ge=0, le=65535, validation_alias="PORT")
    secret_keys: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_fernet_keys)] = Field(
        validation_alias="FOLLOWTHROUGH_SECRET_KEY", repr=False
    )
    bootstrap_token: str | None = Field(None, min_length=20, max_length=200, validation_alias="FOLLOWTHROUGH_BOOTSTRAP_TOKEN", repr=False)
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", validation_alias="FOLLOWTHROUGH_LOG_LEVEL")
    queue_name: str = Field("followthrough", min_length=1, validation_alias="FOLLOWTHROUGH_QUEUE_NAME")
    worker_metrics_port: int | None = Field(None, ge=1, le=65535, validation_alias="FOLLOWTHROUGH_WORKER_METRICS_PORT")
    private_trackers: bool = Field(False, validation_alias="FOLLOWTHROUGH_PRIVATE_TRACKERS")
    tracker_timeout_seconds: float = Field(10, gt=0, le=60, validation_alias="FOLLOWTHROUGH_TRACKER_TIMEOUT_SECONDS")
    lease_seconds: float = Field(30, gt=0, le=600, validation_alias="FOLLOWTHROUGH_LEASE_SECONDS")
    job_timeout_seconds: float = Field(60, gt=0, le=3600, validation_alias="FOLLOWTHROUGH_JOB_TIMEOUT_SECONDS")
    poll_seconds: float = Field(5, gt=0, le=300, validation_alias="FOLLOWTHROUGH_POLL_SECONDS")
    probe_seconds: float = Field(300, gt=0, le=3600, validation_alias="FOLLOWTHROUGH_PROBE_SECONDS")
    sweep_seconds: float = Field(300, gt=0, le=86_400, validation_alias="FOLLOWTHROUGH_SWEEP_SECONDS")
    audit_seconds: float = Field(86_400, gt=0, le=604_800, validation_alias="FOLLOWTHROUGH_AUDIT_SECONDS")
    hook_check_seconds: float = Field(3600, gt=0, le=86_400, validation_alias="FOLLOWTHROUGH_HOOK_CHECK_SECONDS")
    dead_hook_seconds: float = Field(3600, gt=0, le=604_800, validation_alias="FOLLOWTHROUGH_DEAD_HOOK_SECONDS")
    pace_factor: float = Field(1.0, gt=0, le=10_000, validation_alias="FOLLOWTHROUGH_PACE_FACTOR")

    @model_validator(mode="after")
    def _timeouts_nest(self) -> "Settings":
        # A thread that calls a tracker can't be cancelled: it must be over before its lease, and the lease before the job.
        if not self.tracker_timeout_seconds < self.lease_seconds < self.job_timeout_seconds:
            raise ValueError("FOLLOWTHROUGH_TRACKER_TIMEOUT_SECONDS < FOLLOWTHROUGH_LEASE_SECONDS < FOLLOWTHROUGH_JOB_TIMEOUT_SECONDS")
        return self


def load_settings(**overrides: Any) -> Settings:
    """Reads the environment; raises SettingsError with one line for every name that is missing or wrong."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}" for e in error.errors(include_input=False)]
        raise SettingsError("These settings are missing or wrong:\n" + "\n".join(lines)) from None
