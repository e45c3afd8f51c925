"""The images of a source whose stored colours are blue first, with their colours put right.

The swap happens here and nowhere else: `open_source` wraps a source that is stated to be `bgr`, so that training,
embedding and every other reader decode what the camera saw. Only `femb convert`, which copies the stored bytes, takes
the source inside.
"""

from collections.abc import Sequence
from pathlib import Path

from femb_cli.data.dataset_info import stated_info
from femb_cli.data.identities import Identities
from femb_cli.data.images.channels import ChannelOrder, swap_red_and_blue
from femb_cli.data.source import ImageName, ImageSource

_CAPABILITIES = ("groups", "unread", "described_columns", "extra", "found", "files")
"""What a source may have besides its images, see `source.py`. Reading images as files or in batches is not among it,
because both give the stored bytes, with swapped colours."""


class SwappedChannels:
    """The images of a source with red and blue swapped.

    `read` returns uncompressed images: decoding and swapping a face of 112 x 112 pixels takes twice the time of
    decoding it.

    Args:
        source: Images in which red and blue are swapped.
    """

    def __init__(self, source: ImageSource) -> None:
        self.source = source
        self.kind, self.path = source.kind, source.path
        for name in _CAPABILITIES:
            if hasattr(source, name):
                setattr(self, name, getattr(source, name))

    @property
    def names(self) -> Sequence[str]:
        """The names of the images in the source."""
        return self.source.names

    @property
    def identities(self) -> Identities | None:
        """The identities of the source."""
        return self.source.identities

    def __len__(self) -> int:
        return len(self.source)

    def read(self, index: int) -> bytes:
        """Return one image, encoded anew without loss.

        Raises:
            FembError: It cannot be read or decoded.
        """
        return swap_red_and_blue(self.source.read(index), ImageName(self.source, index))


def with_channels(source: ImageSource, channels: str | None) -> ImageSource:
    """Return a source whose images have the right colours.

    Args:
        source: Images as they are stored.
        channels: "rgb" or "bgr"; None for what the dataset states, and "rgb" if it states nothing.

    Raises:
        FembError: The dataset's JSON file is damaged.
    """
    return SwappedChannels(source) if (channels or stated_channels(source.path)) == "bgr" else source


def stated_channels(path: Path) -> str | None:
    """Return the order of the channels that a dataset of femb states; None for everything else."""
    info = stated_info(path)
    return None if info is None else info.channels


def as_stored(source: ImageSource) -> ImageSource:
    """Return the source of the stored bytes, in which red and blue may be swapped."""
    return source.source if isinstance(source, SwappedChannels) else source


def channels_of(source: ImageSource) -> ChannelOrder:
    """Return the order of the channels in the stored images of a source."""
    return "bgr" if isinstance(source, SwappedChannels) else "rgb"
