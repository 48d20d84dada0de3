"""Logs: one JSON object a line, with a constant event name, data as keywords and the context bound once."""

import json
import logging
import sys
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
import structlog

SECRET_WORDS = ("authorization", "password", "secret", "credentials", "private_key", "token")


def _hide_secrets(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The last net: a value whose name speaks of a secret never reaches a line, wherever it was logged."""
    for name in event:
        if _speaks_of_a_secret(name):
            event[name] = "[hidden]"
    return event


def _stamp(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Adds the instant, in a third of the time that structlog's own processor takes."""
    event["timestamp"] = datetime.now(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
    return event


# The names stand in the code, so they are few.
@lru_cache(1000)
def _speaks_of_a_secret(name: str) -> bool:
    return any(word in name.lower() for word in SECRET_WORDS) and not name.endswith("_id")


def _to_json(event: Any, **_: Any) -> str:
    """Writes a line; a value that JSON doesn't know shows as its repr, and text that is not Unicode is escaped."""
    try:
        return _ENCODER.encode(event).decode()
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(event, default=repr)


_ENCODER = msgspec.json.Encoder(enc_hook=repr)


def set_up_logs(level: str) -> None:
    """Sends structlog and the standard library's loggers to standard error as JSON lines."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _stamp,
        structlog.processors.format_exc_info,
        _hide_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(_to_json)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer(_to_json)],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # These log a line for each request or job, with URLs; our own lines say the same without payloads.
    for chatty in ("httpx", "httpcore", "arq.worker", "arq.jobs", "github", "uvicorn.access", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
