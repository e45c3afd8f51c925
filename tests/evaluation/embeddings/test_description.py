"""What a file of embeddings says about itself."""

import json

from stored_embeddings import describe

from femb_cli.evaluation.embeddings.description import Description


def test_files_of_an_older_femb_are_exact():
    text = describe([[1.0, 0.0]], ["a"], computation="exact").to_text()
    values = json.loads(text)
    del values["computation"]
    assert Description.from_text(json.dumps(values)) == Description.from_text(text)


def test_the_computation_is_shown():
    assert describe([[1.0, 0.0]], ["a"], computation="bfloat16").to_display()["computation"] == "bfloat16"
