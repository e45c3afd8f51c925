"""ONNX files of other programs as models: what is stated beside them decides, and nothing is guessed."""

from dataclasses import dataclass

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.inference import load_embedder
from femb_cli.inference.model_digest import model_digest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
helper = onnx.helper

SIZE = 4
PIXELS = {"channel_order": "RGB", "pixel_range": 255, "mean": 0, "std": 1}
FLOAT, UINT8, HALF, INT32 = 1, 2, 10, 6


@dataclass
class File:
    """Writes a graph that flattens its images, so that the embedding is the network's input."""

    path: object

    def graph(self, shape=("b", 3, SIZE, SIZE), kind=FLOAT, outputs=("embedding",), nodes=None, inputs=1):
        images = [helper.make_tensor_value_info(f"images{n or ''}", kind, shape) for n in range(inputs)]
        flatten = [
            helper.make_node("Flatten", ["images"], ["flat"]),
            helper.make_node("Cast", ["flat"], ["embedding"], to=FLOAT),
        ]
        more = [helper.make_node("Identity", ["embedding"], [name]) for name in outputs if name != "embedding"]
        values = [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs]
        graph = helper.make_graph(nodes or [*flatten, *more], "g", images, values)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        self.path.write_bytes(model.SerializeToString())
        return self

    def state(self, **changes):
        entries = {key: value for key, value in {**PIXELS, **changes}.items() if value is not None}
        text = "\n".join(f"{key}: {value}" for key, value in entries.items())
        self.path.with_suffix(".yaml").write_text(text)
        return self

    def embed(self, images):
        return load_embedder(self.path, "cpu")(images)


@pytest.fixture
def file(tmp_path):
    return File(tmp_path / "other.onnx")


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)


def as_rows(images_BHW3):
    return images_BHW3.transpose(0, 3, 1, 2).reshape(len(images_BHW3), -1).astype(np.float32)


def test_without_a_statement_the_error_shows_the_file_to_write(file):
    with pytest.raises(FembError, match="does not say which colours and value range") as caught:
        load_embedder(file.graph(outputs=("embedding", "norm"), shape=("b", 3, "h", "w")).path, "cpu")
    assert f"write {file.path.with_suffix('.yaml')}" in caught.value.hint
    _, example, _ = caught.value.hint.split("\n\n")
    file.path.with_suffix(".yaml").write_text(example)
    assert load_embedder(file.path, "cpu").preprocessing.mean == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    "stated, expected",
    [
        ({}, lambda x: as_rows(x)),
        ({"channel_order": "BGR"}, lambda x: as_rows(x[..., ::-1])),
        ({"pixel_range": 1}, lambda x: as_rows(x) / 255),
        ({"mean": 127.5, "std": 128}, lambda x: (as_rows(x) - 127.5) / 128),
        ({"pixel_range": 1, "mean": 0.5, "std": 0.25}, lambda x: (as_rows(x) / 255 - 0.5) / 0.25),
        ({"channel_order": "BGR", "mean": [1, 2, 3]}, lambda x: as_rows(x[..., ::-1] - np.array([1.0, 2, 3]))),
    ],
)
def test_the_network_gets_what_is_stated(file, images, stated, expected):
    rows = file.graph().state(**stated).embed(images)
    np.testing.assert_allclose(rows, expected(images), atol=2e-5)


@pytest.mark.parametrize("kind", [FLOAT, HALF, UINT8])
@pytest.mark.parametrize("batch", ["b", 1, 2])
def test_layout_type_and_batch_of_the_graph_are_obeyed(file, images, kind, batch):
    rows = file.graph(shape=(batch, SIZE, SIZE, 3), kind=kind).state().embed(images)
    np.testing.assert_array_equal(rows, images.reshape(3, -1))


def test_the_size_of_the_graph_is_obeyed(file, images):
    embedder = load_embedder(file.graph(shape=(1, 3, 8, 8)).state().path, "cpu")
    assert embedder.preprocessing.input_size == 8 and embedder(images).shape == (3, 3 * 8 * 8)


def test_the_stated_output_is_the_embedding(file, images):
    doubled = helper.make_node("Add", ["flat", "flat"], ["double"])
    flatten = helper.make_node("Flatten", ["images"], ["flat"])
    file.graph(outputs=("flat", "double"), nodes=[flatten, doubled])
    with pytest.raises(FembError, match="has 2 outputs") as caught:
        file.state().embed(images)
    assert "output: flat" in caught.value.hint
    np.testing.assert_array_equal(file.state(output="double").embed(images), 2 * as_rows(images))
    first, second = (model_digest(load_embedder(file.state(output=name).path)) for name in ("flat", "double"))
    assert first != second


@pytest.mark.parametrize(
    "graph, stated, message",
    [
        ({"shape": (2**40, 3, SIZE, SIZE)}, {}, "images of .* at once: that is too many"),
        ({}, {"mean": None}, "does not state mean"),
        ({}, {"channel_order": "rgb"}, "channel_order 'rgb' is neither RGB nor BGR"),
        ({}, {"pixel_range": 256}, "pixel_range 256 is neither 1 nor 255"),
        ({}, {"std": 0}, "std 0 is not above 0"),
        ({}, {"mean": [1, 2]}, "neither a number nor a list of three"),
        ({}, {"colour": "RGB"}, "unknown entry 'colour'"),
        ({}, {"flip": "both"}, "flip 'both'"),
        ({}, {"output": "norm"}, "states the output 'norm', but"),
        ({}, {"input_size": 112}, "states the input_size 112, but"),
        ({}, {"layout": "NHWC"}, "states the layout NHWC, but"),
        ({"shape": ("b", 3, "h", "w")}, {}, "does not say how large the images are"),
        ({"shape": ("b", "c", "h", "w")}, {}, "does not say where the colours are"),
        ({"shape": ("b", 3, 8, 4)}, {}, "aligns faces to squares"),
        ({"shape": ("b", 1, 8, 8)}, {}, "expected images"),
        ({"shape": ("b", 3)}, {}, "expected images"),
        ({"shape": (1, 3, 4096, 4096)}, {}, "at most 2048"),
        ({"kind": INT32}, {}, "takes 'images' .int32"),
        ({"kind": UINT8}, {"mean": 127.5}, "takes whole numbers from 0 to 255"),
        ({"inputs": 2}, {}, "has 2 inputs"),
        ({"nodes": [helper.make_node("ReduceSum", ["images"], ["embedding"], keepdims=0)]}, {}, "gives no embeddings"),
        ({"nodes": [helper.make_node("Identity", ["images"], ["embedding"])]}, {}, "gives no embeddings"),
    ],
)
def test_what_femb_cannot_use_is_refused_in_words(file, images, graph, stated, message):
    with pytest.raises(FembError, match=message):
        file.graph(**graph).state(**stated).embed(images)


def test_weights_outside_the_folder_are_refused_before_anything_runs(file, tmp_path):
    weight = onnx.numpy_helper.from_array(np.ones(1, np.float32), "w")
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../secret")
    constant = helper.make_node("Constant", [], ["w"], value=weight)
    file.graph(nodes=[constant, helper.make_node("Add", ["images", "w"], ["embedding"])]).state()
    with pytest.raises(FembError, match="opens only a file in the same folder"):
        load_embedder(file.path, "cpu")


def test_results_say_what_was_stated(file):
    embedder = load_embedder(file.graph().state(channel_order="BGR").path, "cpu")
    assert embedder.facts["channel_order"] == "BGR"
    assert embedder.facts["stated_by"] == str(file.path.with_suffix(".yaml"))
    assert embedder.fingerprint
