"""The last net: a value whose name speaks of a secret never reaches a line."""

import json
import subprocess
import sys

from sandbox.migrations import ROOT

SCRIPT = """
import logging, structlog
from domain.logs import set_up_logs
set_up_logs("INFO")
log = structlog.get_logger("t")
structlog.contextvars.bind_contextvars(request_id="r1")
log.info("made", token="hush", webhook_secret="hush", Authorization="hush", token_id="shown", credentials={"a": "hush"})
log.debug("unseen")
logging.getLogger("other").warning("plain %s", "text", extra={"password": "hush"})
try:
    1 / 0
except ZeroDivisionError:
    log.exception("failed", private_key="hush")
"""


def test_secrets_are_hidden_and_every_line_is_json() -> None:
    answer = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in answer.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["made", "plain text", "failed"]
    assert "hush" not in answer.stderr
    assert lines[0]["token_id"] == "shown"
    assert lines[0]["token"] == "[hidden]"
    assert {line["request_id"] for line in lines} == {"r1"}
    assert "ZeroDivisionError" in lines[2]["exception"]
