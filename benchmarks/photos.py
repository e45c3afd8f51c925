"""Measure the CPU time of finding and aligning the face of a photo, on one thread.

    python benchmarks/photos.py FOLDER_OR_ZIP [--yunet YUNET.onnx]

The rival is facenet-pytorch's MTCNN, if it is installed, told to look for faces of the same size. Reading, decoding and
the rival's cutting out are not counted. Photos are searched several at once, as `femb embed` does, the rival's only if
their sizes are equal, which it needs. Each search is measured several times; the table shows the mean of the shortest
times, because other programs on the machine only ever add to them. A large photo is one of the others, enlarged and put
on a ground of 4000 x 3000 pixels.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import cache, partial

import numpy as np
import torch
from PIL import Image

from femb_cli.data.images.decode import decode_photo
from femb_cli.data.open import open_source
from femb_cli.faces import FaceFinder, align_faces, choose_faces, load_face_finder
from femb_cli.faces.detection.cascade import SMALLEST_FACE
from femb_cli.faces.locate import SEARCHED_AT_ONCE
from femb_cli.runtime.allocator import keep_freed_memory

PHOTOS = 40
ROUNDS = 5


def main() -> None:
    """Measure every detector and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", help="a folder or a zip of photos")
    parser.add_argument("--yunet", help="YuNet's ONNX file")
    arguments = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    source = open_source(arguments.photos)
    rows = np.linspace(0, len(source) - 1, min(PHOTOS, len(source))).astype(int)
    photos = [decode_photo(source.read(int(row))) for row in rows]
    groups = [photos[start : start + SEARCHED_AT_ONCE] for start in range(0, len(photos), SEARCHED_AT_ONCE)]
    print(f"CPU ms a photo, one thread{'find':>24}{'align':>10}")
    for detector in filter(None, ("mtcnn", arguments.yunet)):
        find = load_face_finder(detector)
        for name, searches in (
            (f"{SEARCHED_AT_ONCE} at once", groups),
            ("one at a time", [[photo] for photo in photos]),
            ("12 megapixels", [[enlarged(photos[0])]]),
        ):
            times = np.array([measure(find, search) for search in searches]).mean(axis=0)
            print(f"{str(detector)[-20:]:20} {name:20}{times[0]:>9.1f}{times[1]:>10.1f}")
    if (find_facenet := facenet_mtcnn()) is not None:
        mean = np.mean([shortest(partial(find_facenet, group)) / len(group) for group in groups])
        print(f"{'facenet-pytorch':20} {f'{SEARCHED_AT_ONCE} at once':20}{mean:>9.1f}")


def facenet_mtcnn() -> Callable[[Sequence[np.ndarray]], object] | None:
    """Return facenet-pytorch's search for boxes and landmarks in photos; None if it is not installed."""
    try:
        from facenet_pytorch import MTCNN
    except ImportError:
        return None

    @cache
    def detector(shorter_side: int) -> MTCNN:
        return MTCNN(min_face_size=round(SMALLEST_FACE * shorter_side))

    def find(photos: Sequence[np.ndarray]) -> None:
        together = [list(photos)] if len({photo.shape for photo in photos}) == 1 else [[photo] for photo in photos]
        for some in together:
            detector(min(some[0].shape[:2])).detect(some, landmarks=True)

    return find


def measure(find: FaceFinder, photos: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the milliseconds a photo of finding the faces of some photos, and of aligning the main one of each."""
    chosen = [
        choose_faces(faces, "main", width=photo.shape[1], height=photo.shape[0])
        for photo, faces in zip(photos, find(photos), strict=True)
    ]

    def align() -> None:
        for photo, faces in zip(photos, chosen, strict=True):
            align_faces(photo, np.array([face.landmarks for face in faces]).reshape(-1, 5, 2))

    return shortest(lambda: find(photos)) / len(photos), shortest(align) / len(photos)


def shortest(work: Callable[[], object]) -> float:
    """Return the CPU milliseconds of the fastest of several runs."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return 1000 * min(times)


def enlarged(photo: np.ndarray) -> np.ndarray:
    """Return a photo as a part of one of 4000 x 3000 pixels."""
    large = np.full((3000, 4000, 3), 90, np.uint8)
    large[:, 500:3500] = np.array(Image.fromarray(photo).resize((3000, 3000), Image.Resampling.BICUBIC))
    return large


if __name__ == "__main__":
    main()
