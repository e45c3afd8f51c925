"""Ids of repositories on the Hugging Face Hub, and what the Hub's errors mean."""

from types import SimpleNamespace

import pytest
from huggingface_hub import errors

from femb_cli.errors import FembError
from femb_cli.hub import HubId, MissingRevisionError, hub_errors


@pytest.mark.parametrize(
    "text, name, revision, is_dataset_address",
    [
        ("owner/faces", "owner/faces", None, False),
        ("a-b/c.d_e@v1.0", "a-b/c.d_e", "v1.0", False),
        ("hf://datasets/owner/faces", "owner/faces", None, True),
        ("hf:/datasets/owner/faces@refs/pr/3", "owner/faces", "refs/pr/3", True),
    ],
)
def test_an_id_is_a_name_with_or_without_a_revision(text, name, revision, is_dataset_address):
    assert HubId.parse(text) == HubId(name, revision, is_dataset_address)


@pytest.mark.parametrize(
    "text", ["faces", "/owner/faces", "../faces", "a/b/c", "owner/", "hf://owner/faces", "a/b@", ""]
)
def test_other_texts_are_no_ids(text):
    assert HubId.parse(text) is None


def refusal(kind: type[Exception]) -> Exception:
    """An error as the Hub's client raises it, whichever library it talks HTTP with."""
    error = kind.__new__(kind)
    error.args = ("no",)
    error.response = SimpleNamespace(status_code=404)
    return error


@pytest.mark.parametrize(
    "error, kind, message, hint",
    [
        (errors.RepositoryNotFoundError, "model", "neither a model owner/x on the Hugging Face Hub", "hf auth login"),
        (errors.RepositoryNotFoundError, "dataset", "neither a dataset owner/x", "check the spelling"),
        (errors.GatedRepoError, "model", "accept its terms", "https://huggingface.co/owner/x,"),
        (errors.GatedRepoError, "dataset", "accept its terms", "https://huggingface.co/datasets/owner/x,"),
        (errors.RevisionNotFoundError, "model", "owner/x has no revision 'v9'", "leave the revision out"),
        (errors.OfflineModeIsEnabled, "model", "cannot get owner/x from the Hugging Face Hub: no", "network"),
    ],
)
def test_an_error_of_the_hub_says_what_to_do(error, kind, message, hint):
    with pytest.raises(FembError, match=message) as caught, hub_errors("owner/x", "v9", kind):
        raise refusal(error)
    assert hint in caught.value.hint
    assert isinstance(caught.value, MissingRevisionError) == (error is errors.RevisionNotFoundError)


def test_the_cause_of_a_missing_file_is_what_counts():
    with pytest.raises(FembError, match="neither a dataset owner/x"), hub_errors("owner/x", None, "dataset"):
        raise FileNotFoundError("owner/x") from refusal(errors.RepositoryNotFoundError)


def test_other_errors_pass_through():
    with pytest.raises(ZeroDivisionError), hub_errors("owner/x", None, "model"):
        raise ZeroDivisionError
