"""`python -m workers`: the worker as a program."""

import sys

from domain.settings import SettingsError, load_settings
from workers.main import run


def main() -> int:
    """Runs until stopped; exit code 2 when settings are missing."""
    try:
        settings = load_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - there are no logs yet
        return 2
    run(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
