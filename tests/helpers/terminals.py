"""A pseudo terminal around a process."""

import fcntl
import os
import pty
import subprocess
import sys
import termios
import time

LAST_SECONDS = 60


class Terminal:
    """Python code in a process whose terminal is this one; FEMB_NO_PROGRESS is not set in it."""

    def __init__(self, code: str) -> None:
        self.master, slave = pty.openpty()
        self.shown = ""
        environment = {name: value for name, value in os.environ.items() if name != "FEMB_NO_PROGRESS"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**environment, "TERM": "xterm"},
        )
        os.close(slave)

    def wait_for(self, text: str) -> None:
        """Read until the process has shown a text."""
        deadline = time.monotonic() + LAST_SECONDS
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            self.shown += os.read(self.master, 1 << 16).decode()

    def press_ctrl_c(self) -> None:
        """Type Ctrl-C, which the terminal shows as ^C and makes SIGINT for the process."""
        os.write(self.master, b"\x03")

    def end(self) -> tuple[int, str]:
        """Return the exit code and all that was shown."""
        try:
            while more := os.read(self.master, 1 << 16):
                self.shown += more.decode()
        except OSError:  # how Linux says that the process has closed the terminal
            pass
        os.close(self.master)
        return self.process.wait(LAST_SECONDS), self.shown
