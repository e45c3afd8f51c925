"""The seeds of the formats `scores`, `pairs` and `templates`: the inputs of verification in every layout."""

import io
from collections.abc import Iterator, Sequence

import numpy as np
from seeds import Seed

PAIRS = [
    *(("ann/ann_0001.jpg", "ann/ann_0002.jpg", 1, 0), ("bea/bea_0001.jpg", "bea/bea_0002.jpg", 1, 1)),
    *(("ann/ann_0001.jpg", "bea/bea_0001.jpg", 0, 0), ("ann/ann_0002.jpg", "cem/cem_0001.jpg", 0, 1)),
]
"""Both images, whether they show one person, and the fold."""

SCORES = (0.75, 0.5, -0.25, 0.125)
_TEMPLATES = ((1, 10), (1, 10), (2, 11), (2, 12), (3, 13), (4, 14))
"""Template and medium of each image."""


def score_seeds() -> Iterator[Seed]:
    """Files of scores: tables, lines of numbers, claimed identities, and a file for each kind of pair."""
    rows = [(*pair, score) for pair, score in zip(PAIRS, SCORES, strict=True)]
    for delimiter in (",", "\t", ";"):
        yield _table("scores.csv", ["img1", "img2", "label", "fold", "score"], rows, delimiter)
    yield _table("scores.csv", ["score", "genuine"], [(score, str(bool(row[2]))) for *row, score in rows])
    yield _table("scores.csv", ["distance", "impostor"], [(1 - score, 1 - row[2]) for *row, score in rows])
    yield _table("scores.txt", [], [(row[2], score) for *row, score in rows], " ")
    yield _table("scores.txt", [], [(left, right, score, mated) for left, right, mated, _, score in rows], "  ")
    yield _table("scores.txt", [], [(*_people(row), "probe", score) for *row, score in rows], " ")
    missing = [*rows, (*PAIRS[0], "nan"), (*PAIRS[3], "")]
    yield _table("scores.csv", ["ref", "probe", "mated", "fold", "score"], missing)
    by_kind = {f"{kind}.txt": SCORES[start : start + 2] for kind, start in (("genuine", 0), ("impostor", 2))}
    files = {name: "".join(f"{score}\n" for score in scores).encode() for name, scores in by_kind.items()}
    yield Seed(files, "genuine.txt")


def pair_seeds() -> Iterator[Seed]:
    """Lists of pairs in LFW's format and as tables."""
    for delimiter in (",", "\t", ";", " "):
        yield _table("pairs.csv", ["ref", "probe", "mated", "fold"], PAIRS, delimiter)
        yield _table("pairs.txt", [], [pair[:3] for pair in PAIRS], delimiter)
    subjects = [(*pair, *_people(pair), "f", "m") for pair in PAIRS]
    names = ["p1", "p2", "same", "fold", "id1", "id2", "sex1", "sex2"]
    yield _table("pairs.csv", names, subjects)
    yield _table("pairs.csv", ["image_a", "image_b", "impostor", "ethnicity"], [(*p[:2], 1 - p[2], "x") for p in PAIRS])
    yield _table(
        "pairs.csv", [], [(f'"{left}"', right, "same" if mated else "diff") for left, right, mated, _ in PAIRS]
    )
    lfw = "ann\t1\t2\nbea\t1\t2\n", "ann\t1\tbea\t1\nann\t2\tcem\t1\n"
    yield Seed({"pairs.txt": ("2\n" + "".join(lfw)).encode()}, "pairs.txt")
    yield Seed({"pairs.txt": ("2\t2\n" + "".join(lfw) * 2).encode()}, "pairs.txt")
    yield Seed({"pairs.txt": "".join(lfw).encode()}, "pairs.txt")
    csv = "name,imagenum1,imagenum2,\nann,1,2,\nbea,1,2,\nann,1,bea,1\nann,2,cem,1\n"
    yield Seed({"pairs.csv": csv.encode()}, "pairs.csv")


def template_seeds() -> Iterator[Seed]:
    """The lists of IJB-C with embeddings, and with galleries and probes."""
    images = range(1, len(_TEMPLATES) + 1)
    points = " ".join(f"{number}.5" for number in range(10))
    lists = {
        "face_tid_mid": [
            f"{image}.jpg {template} {medium}" for image, (template, medium) in zip(images, _TEMPLATES, strict=True)
        ],
        "name_5pts_score": [f"{image}.jpg {points} 0.{image}" for image in images],
        "template_pair_label": ["1 2 1", "1 3 0", "2 3 0", "3 4 1"],
    }
    files = {f"ijbc_{name}.txt": "".join(f"{line}\n" for line in lines).encode() for name, lines in lists.items()}
    buffer = io.BytesIO()
    np.save(buffer, np.linspace(-1, 1, 4 * len(_TEMPLATES), dtype=np.float32).reshape(-1, 4) ** 3)
    files["embeddings.npy"] = buffer.getvalue()
    yield Seed(files)
    header = "TEMPLATE_ID,SUBJECT_ID,FILENAME,SIGHTING_ID"
    searches = {
        "ijbc_1N_gallery_G1.csv": f"{header}\n1,7,img/1.jpg,1\n1,7,img/2.jpg,2\n",
        "ijbc_1N_gallery_G2.csv": f"{header}\n2,8,img/3.jpg,3\n",
        "ijbc_1N_probe_mixed.csv": f"{header}\n3,7,img/5.jpg,5\n4,8,img/6.jpg,6\n",
    }
    yield Seed(files | {name: text.encode() for name, text in searches.items()})


def _people(pair: Sequence[object]) -> tuple[str, str]:
    left, right = (str(pair[place]).partition("/")[0] for place in (0, 1))
    return left, right


def _table(name: str, header: list[str], rows: Sequence[Sequence[object]], delimiter: str = ",") -> Seed:
    lines = [delimiter.join(map(str, cells)) + "\n" for cells in ([header] if header else []) + [*rows]]
    return Seed({name: "".join(lines).encode()}, name)
