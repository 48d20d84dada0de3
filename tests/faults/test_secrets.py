"""Whatever happens, no secret gets out, and no word of an issue gets into logs, metrics, problem documents or the ledger."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.github_process import start_github
from sandbox.postgres import binary
from tests.faults.secrets_run import Run, everything_in, traces
from tests.journeys.product import free_port, running_product
from tests.servers import SharedPostgres

# The tokens that the sandbox gives to an App's installation.
INSTALLATION_TOKEN = re.compile(r"ghs_\w+")


@pytest.fixture(scope="module")
def database_url(postgres: SharedPostgres) -> Iterator[str]:
    """A database of this module's own."""
    yield postgres.create_database("secrets")
    postgres.drop_database("secrets")


@pytest.fixture(scope="module")
def run(database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run that is over; its processes still answer."""
    logs = tmp_path_factory.mktemp("secrets")
    key = rsa.generate_private_key(65_537, 2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    public = logs / "public.pem"
    public.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    settings = {"FOLLOWTHROUGH_WORKER_METRICS_PORT": str(free_port()), "FOLLOWTHROUGH_LOG_LEVEL": "DEBUG"}
    with ExitStack() as stack:
        app_github = start_github(app=(4711, public), repository="acme/payments")
        stack.callback(app_github.stop)
        product = stack.enter_context(running_product(database_url=database_url, redis_url=redis_url, logs=logs, **settings))
        run = Run(product, app_github, private_key=pem)
        run.do_everything()
        yield run


def test_the_search_finds_what_is_planted(run: Run) -> None:
    lines = run.logs()
    for name, word in run.words.secrets.items() | run.words.texts.items():
        longest = max(word.splitlines(), key=len)
        assert traces({name: word}, f'{lines}{{"event":"x","error":"{longest}"}}') == [name]


def test_the_words_were_where_they_belong(run: Run) -> None:
    issues = str(run.product.ask_github("GET", "/issues?state=all&per_page=100"))
    assert {"Imported", "Unauthorized", "Description", "Outside", "Lost"} <= set(traces(run.words.texts, issues))
    assert len(run.problems) >= 9
    assert '"auth_failed"' in run.shown() or "ambiguous" in run.shown()


def test_no_secret_and_no_text_is_in_the_logs(run: Run) -> None:
    lines = run.logs()
    assert "reconciling" in lines
    assert traces(run.words.secrets | run.words.texts, lines) == []
    assert INSTALLATION_TOKEN.findall(lines) == []


def test_complaints_of_the_database_are_in_the_logs_without_the_words_that_they_quote(run: Run) -> None:
    lines = [json.loads(line) for line in run.logs().splitlines() if '"exception"' in line]
    told = {line["event"]: "" for line in lines}
    for line in lines:
        told[line["event"]] += line["exception"]
    for event, code in (("reconcile_failed", "sqlstate=23514 constraint_name=no_bad_words"), ("unexpected_error", "sqlstate=P0001")):
        assert code in told[event]
    assert "sqlstate=P0001" in told["reconcile_failed"]
    assert '"constraint":"no_bad_words"' in run.logs()
    assert "DETAIL" not in run.logs()


def test_no_secret_and_no_text_is_in_the_metrics(run: Run) -> None:
    figures = run.metrics()
    assert "sync_attempts" in figures
    assert traces(run.words.secrets | run.words.texts, figures) == []


def test_no_secret_and_no_text_is_in_a_problem_document(run: Run) -> None:
    found = {problem: traces(run.words.secrets | run.words.texts, problem) for problem in run.problems}
    assert {problem: names for problem, names in found.items() if names} == {}


def test_no_secret_and_no_text_is_in_the_ledger_and_its_errors(run: Run, database_url: str) -> None:
    assert traces(run.words.secrets | run.words.texts, run.ledger(database_url)) == []


def test_no_secret_is_shown_stored_or_queued(run: Run, database_url: str, redis_url: str) -> None:
    dump = subprocess.run([binary("pg_dump"), "-d", database_url], capture_output=True, text=True, check=True).stdout
    assert run.words.texts["Unauthorized"] in dump
    for written in (run.shown(), dump, everything_in(redis_url)):
        assert traces(run.words.secrets, written) == []
        assert INSTALLATION_TOKEN.findall(written) == []
