"""The errors that a user can do something about."""


class FembError(Exception):
    """Something that femb could not do, said so that the user can fix it.

    The message says what is wrong, with the value and the place; the hint says what to do or run.
    The command line prints both and ends with `exit_code` 1.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(FembError):
    """A wrong option, or a configuration that does not make sense; ends with `exit_code` 2."""

    exit_code = 2
