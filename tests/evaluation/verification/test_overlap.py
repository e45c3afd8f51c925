"""People who are both trained on and verified on are found by their names."""

import numpy as np
import pytest
from pair_files import CSV, LFW, write_pair_file

from femb_cli.evaluation.verification.overlap import find_overlap, name_digests
from femb_cli.evaluation.verification.pair_file import read_pairs

SUBJECTS = ["ref,probe,ref_subject,probe_subject", "1.jpg,2.jpg,Ann Lee,Ann Lee", "1.jpg,3.jpg,Ann Lee,7"]

BELOW = ["ref,probe,mated", "lfw/Ann_Lee/1.jpg,lfw/Ann_Lee/2.jpg,1", "lfw/Bob/1.jpg,lfw/7/1.jpg,0"]


@pytest.mark.parametrize(
    "lines, trained, people, num_people",
    [
        (LFW, ["Ann", "Dee", "Eve"], ["Ann", "Dee"], 4),
        (LFW, ["Anna", "Eve"], [], 4),
        (SUBJECTS, ["ann_lee", "7", "Bob"], ["Ann Lee"], 2),
        (CSV, ["B "], ["b"], 3),
        (BELOW, ["Ann Lee", "x/Bob"], ["lfw/Ann_Lee", "lfw/Bob"], 3),
        (BELOW, ["lfw"], [], 3),
        (["ref,probe,mated", "1.jpg,2.jpg,1", "1.jpg,3.jpg,0"], ["1", "2"], [], 0),
    ],
    ids=[
        "folders",
        "disjoint",
        "stated, other case and underscores",
        "spaces",
        "folders in a folder",
        "of all",
        "nobody is named",
    ],
)
def test_the_same_names_are_found(tmp_path, lines, trained, people, num_people):
    overlap = find_overlap(name_digests(trained), read_pairs(write_pair_file(tmp_path, lines)))
    assert (overlap.people, overlap.num_people) == (people, num_people)


def test_digests_are_ascending_and_of_names_alone():
    digests = name_digests(["Bob", "ann lee", "Ann_Lee", "7", "0"])
    assert digests.dtype == np.int64
    assert digests.tolist() == sorted(digests.tolist())
    assert len(digests) == 2


def test_the_people_of_view_1_are_disjoint(shared):
    """LFW's training people of View 1 are none of its test pairs, and most of View 2."""
    protocols = shared / "data/protocols"
    trained = [line.split()[0] for line in (protocols / "peopleDevTrain.txt").read_text().splitlines()[1:]]
    assert find_overlap(name_digests(trained), read_pairs(protocols / "pairsDevTest.txt")).people == []
    view2 = find_overlap(name_digests(trained), read_pairs(protocols / "pairs.txt"))
    assert (len(view2.people), view2.num_people) == (2985, 4281)
