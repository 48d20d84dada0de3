"""One product for the journeys of a module: it takes seconds to start."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.product import Product, running_product


@pytest.fixture
def product(fresh_database: str, redis_url: str, tmp_path: Path) -> Iterator[Product]:
    """A running product with its own database and its own sandbox; tests start the workers that they need."""
    with running_product(database_url=fresh_database, redis_url=redis_url, logs=tmp_path) as running:
        yield running
