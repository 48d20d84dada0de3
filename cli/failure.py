"""How a command ends when it can't do what it was asked: with a sentence and an exit code, never with a traceback."""

FINE = 0
FAILED = 1
MISUSED = 2
STOPPED = 130  # as a shell says it of a process that SIGINT ended


class CommandFailedError(Exception):
    """Something went wrong that is no mistake of the command line; the message says what to do."""

    exit_code = FAILED


class MisusedError(CommandFailedError):
    """The command line asks for something that can't be."""

    exit_code = MISUSED
