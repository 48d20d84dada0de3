"""`make run`: Ctrl-C is heeded from the first moment on, so everything else is imported after that."""

import signal
import sys
import threading


class Stop:
    """What Ctrl-C and SIGTERM do: they interrupt the start, and later wake whoever waits for `asked`; once is enough."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.interrupts = True
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def _ask(self, *_: object) -> None:
        if self.asked.is_set():
            return
        self.asked.set()
        if self.interrupts:
            raise KeyboardInterrupt

    def check(self) -> None:
        """Raises KeyboardInterrupt where it was asked for, but code that lets nothing through swallowed it."""
        if self.asked.is_set():
            raise KeyboardInterrupt


def main() -> int:
    """Exit code 0 when stopped by Ctrl-C or SIGTERM, 1 when something could not start or ended by itself."""
    stop = Stop()
    try:
        from sandbox.run import run  # noqa: PLC0415 - it takes most of a second

        return run(stop.asked, check=stop.check, up=lambda: setattr(stop, "interrupts", False))
    except KeyboardInterrupt:
        sys.stdout.write("\nStopped.\n")
        return 0


if __name__ == "__main__":
    sys.exit(main())
