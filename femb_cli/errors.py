"""The errors that a user can fix; every other exception is a bug in femb."""


class FembError(Exception):
    """femb could not do something, and the user can fix the cause.

    The message names what is wrong, with the value and the place; the hint says what to do or to run.
    The command line prints both without a traceback and ends with `exit_code`.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(FembError):
    """An option or a configuration is wrong."""

    exit_code = 2
