"""Progress: lines that tell on standard error what is being done."""

import sys


def say(text: str) -> None:
    """Writes a line at once."""
    print(f"… {text}", file=sys.stderr, flush=True)
