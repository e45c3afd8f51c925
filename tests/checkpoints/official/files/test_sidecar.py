"""Settings beside the tensors: the header, the number of identities, the order of colours."""

import itertools

import pytest
import torch
from official_files import convert, ir, iresnet

from femb_cli.checkpoints.official.files.sidecar import SidecarSettings, read_channel_order, read_settings
from femb_cli.errors import FembError


def cvlface():
    return {f"net.{name}": tensor for name, tensor in iresnet().items()}


def test_adaface_states_its_header(tmp_path):
    given = {"head": "adaface", "s": 64.0, "m": 0.4, "h": 0.333, "t_alpha": 0.01, "custom_num_class": -1}
    state = ir("model.") | {"head.kernel": torch.zeros(8, 5), "head.t": torch.zeros(1)}
    card = convert(tmp_path, {"state_dict": state, "hyper_parameters": given})
    assert card.header == {"name": "adaface", "scale": 64.0, "margin": 0.4, "h": 0.333, "t_alpha": 0.01}
    assert (card.num_identities, card.magnitude_is_quality) == (5, True)


def test_a_number_of_identities_that_contradicts_the_class_weights_is_refused(tmp_path):
    state = ir("model.") | {"head.kernel": torch.zeros(8, 5)}
    with pytest.raises(FembError, match="states 7 identities but has class weights of 5"):
        convert(tmp_path, {"state_dict": state, "hyper_parameters": {"custom_num_class": 7}})


@pytest.mark.parametrize(
    "content, expected",
    [
        ({"hyper_parameters": {"n_classes": 7, "header": "arcface"}}, SidecarSettings({"name": "arcface"}, 7)),
        ({"hyper_parameters": {"custom_num_class": -1}}, SidecarSettings()),
        ({"hyper_parameters": {"head": "unheard_of"}}, SidecarSettings()),
        ({}, SidecarSettings()),
        ([1], SidecarSettings()),
    ],
)
def test_known_hyper_parameters_are_read(content, expected):
    assert read_settings(content) == expected


@pytest.mark.parametrize("hyper_parameters", [[1], {"head": [1]}, {"head": "adaface", "m": torch.ones(2)}, {"head": 7}])
def test_hyper_parameters_that_say_nothing_are_passed_over(hyper_parameters, tmp_path):
    prefixed = {f"backbone.{name}": tensor for name, tensor in iresnet().items()}
    card = convert(tmp_path, {"state_dict": prefixed, "hyper_parameters": hyper_parameters})
    assert card.header in ({}, {"name": "adaface"})


def test_a_network_named_net_is_likely_cvlfaces_and_rgb_with_remarks(tmp_path):
    warnings = []
    convert(tmp_path, ir("net."), say=warnings.append)
    assert "is of the family cvlface" in warnings[0]
    assert "--from adaface or --from tface" in warnings[0]
    assert "assuming RGB" in warnings[1]


def test_another_order_of_colours_is_refused(tmp_path):
    (tmp_path / "model.yaml").write_text("color_space: YUV")
    with pytest.raises(FembError, match="YUV"):
        convert(tmp_path, ir("net."))


@pytest.mark.parametrize(
    "text, expected", [("color_space: BGR", "BGR"), ("conf: {color_space: RGB}", "RGB"), ("", None)]
)
def test_the_order_of_colours_is_read(text, expected, tmp_path):
    (tmp_path / "model.yaml").write_text(text)
    assert read_channel_order(tmp_path / "model.yaml") == expected


@pytest.mark.parametrize(
    "value",
    ["!!int ''", "!!bool x", "!!timestamp x", "[" * 9999, "0x" + "f" * 5000, "[[[[RGB]]]]", "!!python/name:os.system"],
)
def test_settings_in_odd_yaml_are_refused_by_file(value, tmp_path):
    (tmp_path / "model.yaml").write_text(f"color_space: {value}")
    with pytest.raises(FembError, match="model.yaml"):
        convert(tmp_path, cvlface())


def test_settings_that_stand_for_gigabytes_are_not_shown(tmp_path):
    lists = [f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]" for before, name in itertools.pairwise("abcdefghij")]
    (tmp_path / "model.yaml").write_text("\n".join(["a: &a [1]", *lists, "color_space: *j"]))
    with pytest.raises(FembError, match="more than 20,000 values"):
        convert(tmp_path, cvlface())
