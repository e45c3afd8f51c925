"""The names of the face detectors, so that a wrong one is refused before torch is loaded or an image is read."""

from pathlib import Path

from femb_cli.errors import FembError

DETECTORS = ("mtcnn", "yunet")


def check_detector(detector: str | Path) -> None:
    """Refuse a detector that is not there, without loading or downloading one.

    Raises:
        FembError: it is neither a name nor a file.
    """
    if detector not in DETECTORS and not Path(detector).is_file():
        hint = f"choose {' or '.join(DETECTORS)}, or the path of YuNet's file"
        raise FembError(f"no detector at {detector}", hint=hint)
