"""A job is handed on to other processes."""

import pickle

import pytest
from people import make_job, write_people, zip_people

from femb_cli.data.files.zip import ZipSource


def test_a_pickled_job_opens_its_training_set_again(tmp_path, monkeypatch):
    people = write_people(tmp_path / "people")
    job = make_job(tmp_path / "run", zip_people(tmp_path / "people.zip", people))
    opened = []
    original = ZipSource.__init__
    monkeypatch.setattr(
        ZipSource, "__init__", lambda self, path, *more: (opened.append(path), original(self, path, *more))[1]
    )
    received = pickle.loads(pickle.dumps(job))
    assert opened == [tmp_path / "people.zip"]
    assert (received.config, received.plan, received.run) == (job.config, job.plan, job.run)
    assert received.source.read(4) == job.source.read(4)


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_a_received_training_set_has_the_same_images_and_identities(tmp_path, form):
    people = write_people(tmp_path / "people")
    data = people if form == "folder" else zip_people(tmp_path / "people.zip", people)
    ours = make_job(tmp_path / "run", data).source
    theirs = pickle.loads(pickle.dumps(ours))
    assert list(theirs.names) == list(ours.names)
    assert theirs.identities.labels_N.tolist() == ours.identities.labels_N.tolist()
