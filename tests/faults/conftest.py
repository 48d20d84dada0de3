"""What the tests of faults share."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Tells pytest the mark of the combinations that the short run leaves out."""
    config.addinivalue_line("markers", "faults_long: all ways to die at every step (they are marked as stress, too)")
