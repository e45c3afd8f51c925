"""What a report calls the models."""

from dataclasses import replace
from pathlib import Path

import pytest

from femb_cli.evaluation.report.names import model_names, without_home


def names(results, *models):
    return model_names([replace(results[0], model=model) for model in models])


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("runs/lfw", "runs/lfw"),
        ("buffalo_l", "buffalo_l"),
        ("/home/alice/faces/runs/lfw", "runs/lfw"),
        ("/home/alice/model.onnx", "model.onnx"),
        ("/Users/alice/model.onnx", "model.onnx"),
        ("/root/model.onnx", "model.onnx"),
        (r"C:\Users\alice\runs\lfw", "runs/lfw"),
        ("/data/models/buffalo/w600k.onnx", "buffalo/w600k.onnx"),
    ],
)
def test_a_model_is_called_by_the_end_of_its_path(results, model, name):
    assert names(results, model) == [name]


def test_a_path_inside_the_current_directory_is_relative_to_it(results, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert names(results, str(tmp_path / "a" / "b" / "c")) == ["a/b/c"]
    assert names(results, str(Path("..") / tmp_path.name / "d")) == ["d"]


def test_different_models_have_different_names(results):
    assert names(results, "/x/a/runs/lfw", "/x/b/runs/lfw", "/x/a/runs/lfw") == [
        "a/runs/lfw",
        "b/runs/lfw",
        "a/runs/lfw",
    ]


def test_home_directories_are_left_out_of_texts(monkeypatch):
    monkeypatch.setenv("HOME", "/mnt/people/carol")
    text = "femb verify -m /mnt/people/carol/a -m '/home/bob/b c' --images /Users/dan/x --report /root/r /data/root/y"
    shown = "femb verify -m ~/a -m '~/b c' --images ~/x --report ~/r /data/root/y"
    assert without_home(text) == shown
    assert without_home("/mnt/people/caroline/a") == "/mnt/people/caroline/a"
