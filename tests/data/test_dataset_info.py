"""What the JSON files of a dataset state."""

import json
import subprocess
import sys

import pytest
import xxhash
from datasets_on_disk import encode, write

from femb_cli.data.dataset_info import read_dataset_info
from femb_cli.data.huggingface.arrow import DatasetSource
from femb_cli.data.open import open_source
from femb_cli.errors import FembError


def test_dataset_info_states_what_was_written(tmp_path):
    images = [encode(1), encode(2)]
    info = read_dataset_info(write(tmp_path / "set", images, [0, 1], ["a", "b"], source="faces.zip", source_kind="zip"))
    assert (info.num_images, info.num_identities, info.image_size) == (2, 2, (8, 6))
    assert (info.bytes, info.source, info.source_kind) == (len(b"".join(images)), "faces.zip", "zip")
    assert info.checksum == xxhash.xxh3_128_hexdigest(b"".join(images))


def test_reading_the_info_imports_nothing_heavy(tmp_path):
    path = write(tmp_path / "set", [encode(1)], [0], ["a"])
    code = (
        "import sys; from femb_cli.data.dataset_info import read_dataset_info\n"
        "read_dataset_info(sys.argv[1])\n"
        "print({'torch', 'pyarrow', 'datasets', 'PIL'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_a_dictionary_of_sets_asks_which(tmp_path):
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    with pytest.raises(FembError, match="train, test"):
        open_source(tmp_path)


@pytest.mark.parametrize("stated", [{"image_size": 5}, {"image_size": [112]}, {"num_images": "many"}, {"source": 1}])
def test_values_of_another_type_are_an_error(tmp_path, stated):
    path = write(tmp_path / "set", [encode(1)], [0], ["a"])
    (path / "femb.json").write_text(json.dumps(stated))
    with pytest.raises(FembError, match=next(iter(stated))):
        read_dataset_info(path)


@pytest.mark.parametrize("splits", ["1", "[1, 2]", "null"])
def test_a_dictionary_of_sets_may_be_damaged(tmp_path, splits):
    (tmp_path / "dataset_dict.json").write_text(f'{{"splits": {splits}}}')
    with pytest.raises(FembError, match="several datasets"):
        DatasetSource(tmp_path)
