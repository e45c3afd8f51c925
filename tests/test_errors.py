"""The errors that a user can fix."""

import pickle

import pytest

from femb_cli.errors import FembError, UsageError


@pytest.mark.parametrize(("kind", "code"), [(FembError, 1), (UsageError, 2)])
def test_an_error_has_a_message_a_hint_and_an_exit_code(kind, code):
    error = kind("no faces", hint="bring some")
    assert (str(error), error.message, error.hint, error.exit_code) == ("no faces", "no faces", "bring some", code)
    assert kind("no faces").hint is None
    assert isinstance(error, FembError)


def test_an_error_crosses_to_another_process_whole():
    error = pickle.loads(pickle.dumps(UsageError("no faces", hint="bring some")))
    assert (type(error), error.message, error.hint) == (UsageError, "no faces", "bring some")
