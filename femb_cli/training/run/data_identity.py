"""The identity of a training set, by which a resumed run notices that it was exchanged or changed.

The labels are compared exactly. The images are compared where a dataset of femb has their checksum; of other sources
only their number is compared, because reading every image would take as long as an epoch.
"""

from typing import Any

import numpy as np
import xxhash

from femb_cli.data.channels import channels_of
from femb_cli.data.dataset_info import has_dataset_info, read_dataset_info
from femb_cli.data.source import ImageSource


def data_identity(source: ImageSource) -> dict[str, Any]:
    """Return the numbers and checksums that tell a training set from others, as plain values.

    Args:
        source: the training set, with identities.
    """
    identities = source.identities
    assert identities is not None, "a training set has identities"
    labels = xxhash.xxh3_128(np.ascontiguousarray(identities.labels_N, np.int64).tobytes())
    labels.update("\0".join(identities.names).encode("utf-8", "surrogatepass"))
    images = read_dataset_info(source.path).checksum if has_dataset_info(source.path) else None
    identity = {
        "num_images": len(source),
        "num_identities": len(identities.names),
        "labels_xxh3_128": labels.hexdigest(),
        "images_xxh3_128": images,
    }
    return identity | ({"channels": "bgr"} if channels_of(source) == "bgr" else {})
