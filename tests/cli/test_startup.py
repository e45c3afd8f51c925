"""Commands that only talk must not load what computes."""

import subprocess
import sys

import pytest
from stored_embeddings import store

HEAVY = ("torch", "numpy", "pydantic", "yaml", "accelerate")
COMPUTING = ("torch", "accelerate", "datasets", "pyarrow", "matplotlib", "sklearn", "PIL")


def loaded_after(code: str, *, cwd: object = None) -> set[str]:
    """The modules that a fresh interpreter has loaded after running some code."""
    script = f"{code}\nimport sys\nprint('\\nLOADED', *sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=cwd, check=True)
    return set(done.stdout.rsplit("LOADED", 1)[1].split())


def running(*commands: list[str]) -> str:
    """Code that runs one command after another; starting an interpreter for each would take longer."""
    return f"from femb_cli.cli.app import run\nfor command in {commands!r}:\n    assert run(command) == 0, command"


def test_importing_the_command_line_loads_nothing_heavy():
    assert loaded_after("import femb_cli.cli.app").isdisjoint(HEAVY)


def test_the_package_offers_load_embedder_and_loads_nothing_before_it_is_asked_for():
    assert loaded_after("import femb_cli; assert 'load_embedder' in femb_cli.__all__").isdisjoint(HEAVY)
    import femb_cli
    from femb_cli.inference import Embedder, load_embedder

    assert (femb_cli.load_embedder, femb_cli.Embedder) == (load_embedder, Embedder)
    with pytest.raises(AttributeError, match="no attribute 'load_embeder'"):
        _ = femb_cli.load_embeder


def test_help_loads_nothing_heavy():
    assert loaded_after(running(["--help"])).isdisjoint(HEAVY)


def test_talking_commands_load_no_torch(tmp_path):
    code = running(["train", "--dry-run"], ["list", "headers"], ["config", "quickstart"], ["list", "runs"])
    assert loaded_after(code, cwd=tmp_path).isdisjoint({"torch", "accelerate"})
    assert list(tmp_path.iterdir()) == []


def test_stored_embeddings_are_verified_and_identified_without_torch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    verify = [str(argument) for argument in store()]
    verified = [[*verify, *further] for further in ([], ["--intervals"], ["--protocol", "magface", "--json"])]
    code = running(*verified, ["identify", "embeddings.npy", "embeddings.npy"])
    assert loaded_after(code, cwd=tmp_path).isdisjoint(COMPUTING)


def test_a_dry_run_of_a_data_set_loads_no_torch(tmp_path):
    from femb_cli.data.conversion.dataset_writer import DatasetWriter
    from femb_cli.data.synthetic.faces import photograph

    with DatasetWriter(tmp_path / "set", ["a", "b"]) as writer:
        for row in range(8):
            writer.write(photograph(0, row % 2, row).jpeg, row % 2)
    code = running(["train", "--data", "set", "--batch-size", "4", "--dry-run"])
    assert loaded_after(code, cwd=tmp_path).isdisjoint({"torch", "accelerate"})


def test_a_report_of_a_run_is_written_without_torch(tmp_path):
    (tmp_path / "run/checkpoints").mkdir(parents=True)
    (tmp_path / "run/config.yaml").write_text("steps: 3\n")
    (tmp_path / "run/metrics.jsonl").write_text('{"step": 1, "loss": 2.5}\n')
    assert loaded_after(running(["report", "run"]), cwd=tmp_path).isdisjoint({"torch", "accelerate"})
    assert (tmp_path / "report.html").is_file()


def test_missing_images_and_outputs_that_exist_are_refused_before_torch_is_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store()
    (tmp_path / "photos").mkdir()
    (tmp_path / "a.jpg").touch()
    commands = [
        ["embed", "photos", "-o", "embeddings.npy"],
        ["embed", "nosuch", "-o", "new.npy"],
        ["compare", "a.jpg", "nosuch.jpg"],
        ["search", "nosuch.jpg", "embeddings.npy"],
        ["verify", "--pairs", "pairs.csv", "--images", "nosuch"],
    ]
    code = running(*commands).replace("== 0", "== 1")
    assert loaded_after(code, cwd=tmp_path).isdisjoint({"torch", "accelerate"})
