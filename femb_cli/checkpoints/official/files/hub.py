"""Download official weights from the Hugging Face Hub into the Hub's cache."""

from pathlib import Path

from femb_cli.checkpoints.official.files.checkpoint_files import ENDINGS, SETTINGS
from femb_cli.errors import FembError
from femb_cli.hub import HubId, hub_errors
from femb_cli.progress import Say
from femb_cli.runtime.hub_progress import hub_progress


def find_hub_id(source: str) -> HubId | None:
    """Read "owner/name" or "owner/name@revision"; None for a local path, a weights file or any other text."""
    hub_id = HubId.parse(source)
    if hub_id is None or hub_id.is_dataset_address or source.endswith(ENDINGS) or Path(source).exists():
        return None
    return hub_id


def download_weights(hub_id: HubId, say: Say) -> Path:
    """Download the weights and the settings of a repository; if it has safetensors files, no other weights.

    Args:
        hub_id: the repository.
        say: called with a message before the download.

    Returns:
        The directory in the cache, named by the commit.

    Raises:
        FembError: there is no such repository, no access to it, no weights in it, or no network.
    """
    from huggingface_hub import snapshot_download

    say(f"fetching {hub_id.name} ({hub_id.revision or 'main'}) from the Hugging Face Hub")
    for endings in ((".safetensors",), ENDINGS):
        patterns = [*(f"*{ending}" for ending in endings), *SETTINGS]
        with hub_errors(hub_id.name, hub_id.revision, "model"), hub_progress(f"downloading {hub_id.name} (kB)") as bar:
            folder = Path(
                snapshot_download(hub_id.name, revision=hub_id.revision, allow_patterns=patterns, tqdm_class=bar)
            )
        if any(file.name.endswith(endings) for file in folder.iterdir()):
            return folder
    raise FembError(f"{hub_id.name} has no weights on the Hugging Face Hub", hint=f"femb reads {', '.join(ENDINGS)}")
