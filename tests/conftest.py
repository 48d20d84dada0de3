"""What all tests share."""

pytest_plugins = ["tests.servers", "tests.people_and_places"]
