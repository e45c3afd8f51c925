"""The mode of template verification: what eval_ijbc.py calls N1D1F1.

Source: deepinsight/insightface, recognition/arcface_torch/eval_ijbc.py.
"""

import re
from dataclasses import dataclass

from femb_cli.errors import FembError

_MODE = re.compile(r"N([01])D([01])(?:F([01]))?")


@dataclass(frozen=True)
class TemplateMode:
    """How image features become template features; the official default is N1D1F1.

    Attributes:
        use_norm: keep the magnitude of an embedding as its weight (N1), or scale every embedding to unit length (N0).
        use_detector: weight each image by its faceness (D1).
        flip: add the mirror image's embedding (F1) or leave it out (F0), if each row holds both side by side; None if
            each row is one embedding.
    """

    use_norm: bool = True
    use_detector: bool = True
    flip: bool | None = True

    @classmethod
    def parse(cls, text: str) -> "TemplateMode":
        """Read a mode such as `N1D1F1`; a mode without F is for rows of one embedding.

        Raises:
            FembError: if the text is not a mode.
        """
        found = _MODE.fullmatch(text)
        if found is None:
            raise FembError(
                f"no template mode {text!r}",
                hint="N1D1F1 is the official default; 0 instead of 1 leaves out norms (N), faceness (D) or mirror "
                "images (F), and N1D1 is for rows of one embedding",
            )
        norm, detector, flip = found.groups()
        return cls(norm == "1", detector == "1", None if flip is None else flip == "1")

    def __str__(self) -> str:
        return f"N{self.use_norm:d}D{self.use_detector:d}" + ("" if self.flip is None else f"F{self.flip:d}")
