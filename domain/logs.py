"""Logs: one JSON object a line, with a constant event name, data as keywords and the context bound once; errors without their words."""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from functools import lru_cache
from types import TracebackType
from typing import Any

import msgspec
import structlog

from domain.log_errors import headline, told

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


def _tell_error(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Turns `exc_info` into the text of `told`: there is no other way for an error into a line."""
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["exception"] = told(error)
    return event


def _to_json(event: Any, **_: Any) -> str:
    """Writes a line; text that is not Unicode is escaped."""
    try:
        return _ENCODER.encode(event).decode()
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(event, default=_unknown_to_json)


def _unknown_to_json(value: Any) -> str:
    """Shows a value that JSON doesn't know by its type alone: the repr of a row or of an error holds texts."""
    return headline(value) if isinstance(value, BaseException) else f"<{type(value).__qualname__}>"


_ENCODER = msgspec.json.Encoder(enc_hook=_unknown_to_json)


class _WithoutWords(logging.Filter):
    """Keeps the words of errors out of lines of libraries, which like to put them into the message too.

    An error among the arguments shows as its headline. Of asyncio's own lines, which it writes out beforehand with the repr of errors
    and of what callbacks were called with, the beginning stays.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets every line pass, changed."""
        if isinstance(record.msg, BaseException):
            record.msg, record.args = headline(record.msg), ()
        if isinstance(record.args, tuple):
            record.args = tuple(headline(value) if isinstance(value, BaseException) else value for value in record.args)
        elif record.args:
            record.args = {name: headline(value) if isinstance(value, BaseException) else value for name, value in record.args.items()}
        if record.name == "asyncio" and record.levelno >= logging.ERROR:
            record.msg = re.split(r"\n| <|\(", record.getMessage(), maxsplit=1)[0]
            record.args = ()
        return True


def _log_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Ends the process's last words in a line like all others."""
    if isinstance(error, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        structlog.get_logger(__name__).critical("crashed", exc_info=error)


def set_up_logs(level: str) -> None:
    """Sends structlog and the standard library's loggers to standard error as JSON lines."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _stamp,
        _tell_error,
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
    handler.addFilter(_WithoutWords())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    sys.excepthook = _log_crash
    # These log a line for each request or job, with URLs; our own lines say the same without payloads.
    for chatty in ("httpx", "httpcore", "arq.worker", "arq.jobs", "github", "uvicorn.access", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
