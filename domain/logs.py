"""Logs: one JSON object a line, with a constant event name, data as keywords and the context bound once."""

import logging
import sys
from typing import Any

import structlog

SECRET_WORDS = ("authorization", "password", "secret", "credentials", "private_key", "token")


def _hide_secrets(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The last net: a value whose name speaks of a secret never reaches a line, wherever it was logged."""
    for name in event:
        if any(word in name.lower() for word in SECRET_WORDS) and not name.endswith("_id"):
            event[name] = "[hidden]"
    return event


def set_up_logs(level: str) -> None:
    """Sends structlog and the standard library's loggers to standard error as JSON lines."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _hide_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # These log a line for each request or job, with URLs; our own lines say the same without payloads.
    for chatty in ("httpx", "httpcore", "arq.worker", "arq.jobs", "github", "uvicorn.access", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
