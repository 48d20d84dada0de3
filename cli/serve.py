"""`api` and `worker`: this process becomes the server, so that signals reach it and nothing stands in between."""

import os
import sys
from argparse import Namespace

PROGRAMS = {"api": "api", "worker": "workers"}


def run(arguments: Namespace) -> int:
    """Replaces this process; returns only by an error of the system."""
    # -P: a folder named `api` where the command is started must not be run in place of ours.
    command = [sys.executable, "-P", "-m", PROGRAMS[arguments.command]]
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted
