"""Files of one small IResNet, as insightface's packs are, and a way to change them."""

import importlib.util

import pytest

if importlib.util.find_spec("onnx") is None:
    collect_ignore_glob = ["*"]


@pytest.fixture(scope="session")
def small():
    from onnx_graphs import network

    return network("iresnet18")


@pytest.fixture(scope="session")
def folded(small, tmp_path_factory):
    """The file of a small IResNet, with its batch norms folded where that is possible."""
    from onnx_graphs import write

    return write(small, tmp_path_factory.mktemp("onnx") / "folded.onnx")


@pytest.fixture(scope="session")
def unfolded(small, tmp_path_factory):
    from onnx_graphs import UNFOLDED, write

    return write(small, tmp_path_factory.mktemp("onnx") / "unfolded.onnx", **UNFOLDED)


@pytest.fixture
def changed(folded, tmp_path):
    """A function that changes the folded file's graph by another one and gives the new file."""
    import onnx

    def change(edit, file=folded):
        model = onnx.load(file)
        edit(model.graph)
        (tmp_path / "changed.onnx").write_bytes(model.SerializeToString())
        return tmp_path / "changed.onnx"

    return change
