"""At every step of every operation a worker may suffer anything: afterwards there is one issue for each task, and both say the same.

The short run kills at each step, and takes each other blow once for each operation; the long run (`make stress`) takes them all.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.matrix import SHORT, Matrix
from tests.faults.plan import AFTER_SEND, STEPS, Blow
from tests.journeys.product import running_product
from tests.servers import SharedPostgres

OPERATIONS = ("create", "update", "transition", "pull", "comment")
# What a tracker tells is not journalled: there is nothing to send.
STEPS_OF_A_PULL = ("before_journal", "before_commit", "after_commit")


def _combinations() -> Iterator[tuple[str, str, Blow]]:
    for operation in OPERATIONS:
        for step in STEPS_OF_A_PULL if operation == "pull" else STEPS:
            yield from ((operation, step, blow) for blow in Blow)


def _is_short(operation: str, step: str, blow: Blow) -> bool:
    """All kills, and a diagonal of the rest: each operation and each step meets some of the other blows."""
    if operation == "comment":
        return blow is Blow.SIGKILL and step == AFTER_SEND
    if blow is Blow.SIGKILL:
        return True
    steps = STEPS_OF_A_PULL if operation == "pull" else STEPS
    others = [other for other in Blow if other is not Blow.SIGKILL]
    return steps[(2 * OPERATIONS.index(operation) + others.index(blow)) % len(steps)] == step and operation != "update"


LONG = pytest.mark.stress
CASES = [pytest.param(*case, id="-".join(case), marks=[] if _is_short(*case) else LONG) for case in _combinations()]


@pytest.fixture(scope="module")
def matrix(
    request: pytest.FixtureRequest, postgres: SharedPostgres, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Matrix]:
    """One product for all combinations, with a task that has its issue already for each that needs one."""
    selected = sum(item.path == request.path for item in request.session.items)
    url, logs = postgres.create_database("kill_matrix"), tmp_path_factory.mktemp("kill_matrix")
    with ExitStack() as stack:
        stack.callback(postgres.drop_database, "kill_matrix")
        product = stack.enter_context(running_product(database_url=url, redis_url=redis_url, logs=logs, **SHORT))
        matrix = Matrix(product, database_url=url, redis_url=redis_url, logs=logs)
        stack.callback(matrix.close)
        matrix.prepare(selected)
        yield matrix


@pytest.mark.parametrize(("operation", "step", "blow"), CASES)
def test_nothing_is_lost_or_made_twice(matrix: Matrix, operation: str, step: str, blow: Blow) -> None:
    matrix.suffer(operation, step, blow)
