"""Files of quality scores."""

import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.pair_file import read_pairs
from femb_cli.evaluation.verification.quality_file import quality_of_images, read_quality_scores


def test_score_files_of_names_are_read_and_found_for_pairs(tmp_path):
    scores = tmp_path / "scores.txt"
    scores.write_text("set/a b/1.png 0.5\r\nset/a b/2.png\t0.25\nset/c/1.png  1e-1\n\n")
    listed = tmp_path / "pairs.csv"
    listed.write_text("ref,probe,mated\na b/1.jpg,a b/2.jpg,1\na b/1.jpg,c/1.jpg,0\n")
    assert quality_of_images(read_quality_scores(scores), read_pairs(listed)).tolist() == [[0.5, 0.5], [0.25, 0.1]]


def test_xqlfw_score_files_are_read(tmp_path):
    path = tmp_path / "xqlfw_scores.txt"
    path.write_text("ID Num Score\nAnn_Veneman 7 0.42\nBo 12 0.9\n")
    scores = read_quality_scores(path)
    assert scores.names == ("Ann_Veneman/Ann_Veneman_0007.jpg", "Bo/Bo_0012.jpg")
    assert scores.values_I.tolist() == [0.42, 0.9]


@pytest.mark.parametrize(
    ("text", "line"),
    [("", 1), ("a.jpg", 1), ("a.jpg 1\nb.jpg x", 2), ("a.jpg nan", 1), ("ID Num Score\nBo one 0.5", 2)],
)
def test_a_damaged_score_file_is_refused_with_its_line(tmp_path, text, line):
    path = tmp_path / "scores.txt"
    path.write_text(text)
    with pytest.raises(FembError, match=f"line {line}: expected `"):
        read_quality_scores(path)


def test_a_score_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FembError, match="cannot read the quality scores"):
        read_quality_scores(tmp_path / "none.txt")


@pytest.mark.parametrize(
    "text",
    [
        "name,quality\na.jpg,0.5\nb.jpg,2\n",
        ",path,Quality score,person\n0,a.jpg,0.5,x\n1,b.jpg,2,y\n",
        "quality;picture\n0.5;a.jpg\n2;b.jpg\n",
        "a.jpg,0.5\nb.jpg,2\n",
        "a.jpg, 0.5\nb.jpg, 2\n",
        "a.jpg\t0.5\nb.jpg\t2\n",
    ],
)
def test_tables_are_read_with_a_header_or_without(tmp_path, text):
    (tmp_path / "q.csv").write_text(text)
    scores = read_quality_scores(tmp_path / "q.csv")
    assert (scores.names, scores.values_I.tolist(), scores.title) == (("a.jpg", "b.jpg"), [0.5, 2.0], "q.csv")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b,c\nx.jpg,1,2\n", "does not say which column"),
        ("name,quality\nx.jpg,nan\n", "line 2: expected the name of an image"),
        ("name,quality\nx.jpg\n", "line 2: expected the name of an image"),
        ("name,magnitude\nx.jpg,1.0000001\ny.jpg,0.9999\n", "magnitudes of normalised embeddings"),
        ("name,quality\nx.jpg,7\ny.jpg,7\n", "every quality in .* is 7"),
    ],
)
def test_tables_without_qualities_are_refused(tmp_path, text, words):
    (tmp_path / "q.csv").write_text(text)
    with pytest.raises(FembError, match=words):
        read_quality_scores(tmp_path / "q.csv")
