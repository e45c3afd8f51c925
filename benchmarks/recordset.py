"""Make a record file of real faces in InsightFace's layout, for the benchmarks of conversion and loading.

    python benchmarks/recordset.py --faces lfw_aligned_112.zip --out records --images 50000

The faces come from any source that femb reads. They are encoded again as JPEGs of about 5 kB and repeated until there
are enough, with 100 images for each identity.
"""

import argparse
import io
import struct
from pathlib import Path

from PIL import Image

from femb_cli.data.open import open_source

MAGIC = 0xCED7230A
FACES, QUALITY, IMAGES_PER_IDENTITY = 2000, 96, 100


def encode_faces(path: Path) -> list[bytes]:
    """Return the first faces of a source as JPEGs of about 5 kB."""
    source = open_source(path)
    faces = []
    for index in range(min(FACES, len(source))):
        buffer = io.BytesIO()
        Image.open(io.BytesIO(source.read(index))).convert("RGB").save(buffer, "JPEG", quality=QUALITY)
        faces.append(buffer.getvalue())
    return faces


def write_records(folder: Path, faces: list[bytes], images: int) -> None:
    """Write train.rec and train.idx: a header, the images, then a record for each identity."""
    folder.mkdir(parents=True)
    identities = -(-images // IMAGES_PER_IDENTITY)
    with (folder / "train.rec").open("wb") as records, (folder / "train.idx").open("w") as index:

        def put(key: int, labels: tuple[float, float], image: bytes) -> None:
            payload = struct.pack("<IfQQ2f", 2, 0, key, 0, *labels) + image
            index.write(f"{key}\t{records.tell()}\n")
            records.write(struct.pack("<II", MAGIC, len(payload)) + payload + b"\0" * (-len(payload) % 4))

        put(0, (images + 1, images + 1 + identities), b"")
        for number in range(images):
            put(number + 1, (number // IMAGES_PER_IDENTITY, 1), faces[number % len(faces)])
        for identity in range(identities):
            first = 1 + IMAGES_PER_IDENTITY * identity
            put(images + 1 + identity, (first, min(first + IMAGES_PER_IDENTITY, images + 1)), b"")


def main() -> None:
    """Write the record file and print its size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True, help="zip, folder ... of aligned faces")
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    parser.add_argument("--images", type=int, default=50_000)
    arguments = parser.parse_args()
    faces = encode_faces(arguments.faces)
    write_records(arguments.out, faces, arguments.images)
    size = (arguments.out / "train.rec").stat().st_size
    print(f"{arguments.images} images, {sum(map(len, faces)) / len(faces):.0f} bytes each, {size} bytes in all")


if __name__ == "__main__":
    main()
