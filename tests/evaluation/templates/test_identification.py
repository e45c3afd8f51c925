"""1:N search of templates: galleries and probes of IJB-B and IJB-C."""

from pathlib import Path

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.templates.identification import identify_templates
from femb_cli.evaluation.templates.subjects import find_galleries_and_probes, read_subjects

# Four people on four axes: templates 1 to 4 are the galleries, 5 to 8 the probes; probe 8 looks like person 10.
NUMBERS = np.arange(1, 9)
FEATURES = np.concatenate([np.eye(4), np.eye(4)[[0, 1, 2, 0]]])


def write_lists(folder: Path) -> None:
    (folder / "meta").mkdir()
    header = "TEMPLATE_ID,SUBJECT_ID,FILENAME,SIGHTING_ID\n"
    (folder / "meta/ijbc_1N_gallery_G1.csv").write_text(header + "1,10,a.jpg,1\n1,10,b.jpg,2\n2,20,c.jpg,3\n")
    (folder / "meta/ijbc_1N_gallery_G2.csv").write_text("TEMPLATE_ID,SUBJECT_ID\r\n3,30\r\n4,40\r\n")
    (folder / "meta/ijbc_1N_probe_mixed.csv").write_text("TEMPLATE_ID,SUBJECT_ID\n5,10\n6,20\n7,30\n8,40\n")


def test_probes_are_searched_in_each_gallery_and_the_means_follow(tmp_path):
    write_lists(tmp_path)
    galleries, probes = find_galleries_and_probes(tmp_path)
    first, second, mean = identify_templates(NUMBERS, FEATURES, probes, galleries)
    assert [each.gallery for each in (first, second, mean)] == [
        *("ijbc_1N_gallery_G1.csv", "ijbc_1N_gallery_G2.csv"),
        "mean",
    ]
    assert (first.num_probes, first.num_mated, first.num_gallery) == (4, 2, 2)
    assert (first.rank_rate["1"], second.rank_rate["1"], mean.rank_rate["1"]) == (1.0, 0.5, 0.75)
    # Probe 8 scores 1 in the first gallery, where it has no mate.
    assert (first.tpir_at_fpir["1e-1"], second.tpir_at_fpir["1e-1"]) == (0.0, 0.5)
    assert mean.tpir_at_fpir["1e-1"] == 0.25


def test_a_directory_without_such_lists_has_none_and_half_of_them_is_refused(tmp_path):
    assert find_galleries_and_probes(tmp_path) is None
    write_lists(tmp_path)
    (tmp_path / "meta/ijbc_1N_probe_mixed.csv").unlink()
    with pytest.raises(FembError, match=r"2 lists \*_1N_gallery_\*.csv and 0 lists"):
        find_galleries_and_probes(tmp_path)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("TEMPLATE_ID,SUBJECT_ID\n1,10\n1,20\n", "line 3: template 1 is of '20', and above of '10'"),
        ("TEMPLATE_ID,SUBJECT_ID\n\x1c 1,10\n1,20\n", "line 3: template 1 is of '20', and above of '10'"),
        ("TEMPLATE_ID,SUBJECT_ID\nx,10\n", "line 2: expected TEMPLATE_ID,SUBJECT_ID"),
        ("TEMPLATE_ID,SUBJECT_ID\n1\n", "line 2: expected"),
        ("TEMPLATE_ID,SUBJECT_ID\n", "has no templates"),
    ],
)
def test_a_damaged_list_is_refused(tmp_path, text, what):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(FembError, match=what):
        read_subjects(tmp_path / "list.csv")


def test_a_template_without_images_is_refused_by_its_list(tmp_path):
    write_lists(tmp_path)
    galleries, probes = find_galleries_and_probes(tmp_path)
    with pytest.raises(FembError, match=r"G2.csv: template 4 has no image"):
        identify_templates(NUMBERS[NUMBERS != 4], FEATURES[NUMBERS != 4], probes, galleries)
