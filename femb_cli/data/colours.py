"""Whether red and blue look swapped in the faces of a source, judged by the colour of skin.

Skin of every tone reflects more red than blue. In the middle half of LFW's 13,188 coloured faces, red minus blue has a
mean of 66 and a standard deviation of 19; 6 faces are below 0, and 2 below -10. Among the people of at least five
images the lowest mean is 39, and among 2,000 draws of 20 faces it is 50. femb's drawn faces have a mean of 52. Swapped
faces have the same numbers with a minus sign. The limit of -10 for the mean of at least 20 faces is far from both, so
that neither dark skin nor a few faces in blue light cross it.

Shapes: N images.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.images.decode import ALIGNED_SIZE, decode_photo
from femb_cli.data.source import HasRowGroups, ImageSource
from femb_cli.errors import FembError

SAMPLE = 200
"""Images that are looked at."""

_GROUPS = 20
"""Row groups that they come from, where a source reads whole groups."""

_SWAPPED = -10.0
_FEWEST = 20
_GREY = 3.0


@dataclass(frozen=True)
class Colours:
    """The colour at the centre of some images of a source.

    Attributes:
        differences_N: Mean red minus blue of each coloured image, from -255 to 255, float64.
        num_grey: Images without colour that were looked at, too.
    """

    differences_N: NDArray[np.float64]
    num_grey: int

    @property
    def mean(self) -> float | None:
        """The mean over the coloured images; None if there are none."""
        return float(self.differences_N.mean()) if len(self.differences_N) else None

    @property
    def num_blue(self) -> int:
        """Number of images that are clearly more blue than red."""
        return int((self.differences_N < _SWAPPED).sum())

    @property
    def look_swapped(self) -> bool:
        """Whether red and blue look swapped; never said of fewer than 20 coloured images."""
        return len(self.differences_N) >= _FEWEST and float(self.differences_N.mean()) < _SWAPPED


def survey_colours(source: ImageSource) -> Colours:
    """Look at the colours of 200 images that are spread evenly over a source; unreadable ones are left out."""
    found = [_red_minus_blue(source, row) for row in _sampled_rows(source)]
    differences = [difference for difference, is_grey in filter(None, found) if not is_grey]
    return Colours(np.array(differences), sum(is_grey for _, is_grey in filter(None, found)))


def describe_swapped(colours: Colours, advice: str) -> str:
    """Return a warning if red and blue look swapped; else nothing.

    Args:
        colours: What `survey_colours` found.
        advice: What happens to the images, and what to do.
    """
    if not colours.look_swapped:
        return ""
    return (
        f"red and blue look swapped: mean red minus blue at the face centre is {colours.mean:.0f} over"
        f" {len(colours.differences_N):,} images, and about +65 in ordinary faces: {advice}"
    )


def _sampled_rows(source: ImageSource) -> list[int]:
    """Return rows that are spread evenly; of a source that reads whole row groups, from a few groups."""
    if not isinstance(source, HasRowGroups) or len(source.groups.starts) - 1 <= _GROUPS:
        return _spread(0, len(source), SAMPLE)
    starts = source.groups.starts
    groups = _spread(0, len(starts) - 1, _GROUPS)
    return [row for group in groups for row in _spread(starts[group], starts[group + 1], SAMPLE // _GROUPS)]


def _spread(start: int, stop: int, most: int) -> list[int]:
    return np.linspace(start, stop - 1, min(stop - start, most)).astype(np.int64).tolist() if stop > start else []


def _red_minus_blue(source: ImageSource, row: int) -> tuple[float, bool] | None:
    """Return red minus blue in the middle half of an image, and whether it is grey; None if it cannot be read."""
    try:
        photo_HW3 = decode_photo(source.read(row), shorter_side=ALIGNED_SIZE)
    except FembError:
        return None
    difference_HW = photo_HW3[:, :, 0].astype(np.float32) - photo_HW3[:, :, 2]
    height, width = difference_HW.shape
    centre_HW = difference_HW[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return float(centre_HW.mean()), float(np.abs(difference_HW).mean()) < _GREY
