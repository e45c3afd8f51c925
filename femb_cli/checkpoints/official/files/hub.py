"""Official weights on the Hugging Face Hub, by their id, fetched into the Hub's cache."""

import re
from pathlib import Path

from femb_cli.checkpoints.official.files.checkpoint_files import ENDINGS, SETTINGS
from femb_cli.errors import FembError
from femb_cli.progress import Say

HUB_ID = re.compile(r"(?P<name>[A-Za-z0-9_][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95})(?:@(?P<revision>.+))?", re.ASCII)


def is_hub_id(source: Path) -> bool:
    """Whether this is "owner/name" or "owner/name@revision", and no path here."""
    return bool(HUB_ID.fullmatch(str(source))) and not source.exists() and not str(source).endswith(ENDINGS)


def download_weights(hub_id: str, say: Say) -> Path:
    """Fetch a repository's weights and settings, and nothing else: safetensors if it has any.

    Args:
        hub_id: as `is_hub_id` takes it.
        say: called with what is about to happen.

    Returns:
        The folder in the cache, named by the commit.

    Raises:
        FembError: there is no such repository, no access to it, no weights in it, or no network.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, HTTPError

    match = HUB_ID.fullmatch(hub_id)
    assert match is not None, "is_hub_id has looked at it"
    say(f"fetching {hub_id} from the Hugging Face Hub")
    for endings in ((".safetensors",), ENDINGS):
        patterns = [*(f"*{ending}" for ending in endings), *SETTINGS]
        try:
            folder = Path(snapshot_download(match["name"], revision=match["revision"], allow_patterns=patterns))
        except (HTTPError, HFValidationError, OSError) as error:
            raise FembError(
                f"there is neither a file {hub_id} here nor can it be had from the Hugging Face Hub: {error}",
                hint="check how it is spelt and the network; for a repository with terms, accept them and log in with"
                " hf auth login",
            ) from error
        if any(file.suffix in endings for file in folder.iterdir()):
            return folder
    raise FembError(f"{hub_id} has no weights on the Hugging Face Hub", hint=f"femb looks for {', '.join(ENDINGS)}")
