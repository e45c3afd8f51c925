"""Building a header by name, and names and values that are refused."""

import pytest

from femb_cli.config.schema import HeaderConfig
from femb_cli.config.section import choices
from femb_cli.errors import FembError, UsageError
from femb_cli.headers import Header, build_header


@pytest.mark.parametrize("name", choices(HeaderConfig))
def test_every_listed_header_is_built_from_its_name(name):
    assert isinstance(build_header(name), Header)


def test_parameters_replace_the_published_ones():
    header = build_header("magface", l_a=5, easy_margin=False)
    assert (header.l_a, header.u_a, header.easy_margin) == (5.0, 110.0, False)


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(UsageError, match="'arcfase'") as caught:
        build_header("arcfase")
    assert "'arcface'" in caught.value.hint


def test_unknown_parameter_suggests_the_nearest():
    with pytest.raises(UsageError, match="'margn'") as caught:
        build_header("arcface", margn=0.5)
    assert "'margin'" in caught.value.hint


@pytest.mark.parametrize(
    "name, parameters",
    [
        ("arcface", {"margin": -0.1}),
        ("arcface", {"scale": 0}),
        ("arcface", {"scale": "big"}),
        ("arcface", {"gradient": "none"}),
        ("arcface", {"margin": True}),
        ("arcface", {"margin": float("nan")}),
        ("arcface", {"interclass_filter": 1.5}),
        ("combined", {"m1": 0}),
        ("sphereface", {"margin": 0.5}),
        ("sphereface", {"variant": "v1"}),
        ("sphereface", {"annealing": 5.0, "variant": "negatives"}),
        ("elasticface", {"kind": "tan"}),
        ("elasticface", {"official_order": True}),
        ("magface", {"easy_margin": "yes"}),
        ("adaface", {"t_alpha": 2}),
        ("curricularface", {"alpha": -0.1}),
        ("linear", {"scale": 1.0}),
    ],
)
def test_bad_value_names_the_parameter(name, parameters):
    with pytest.raises(UsageError, match=next(iter(parameters))):
        build_header(name, **parameters)


@pytest.mark.parametrize("bounds", [{"l_a": 10, "u_a": 10}, {"l_a": 20, "u_a": 10}])
def test_magface_bounds_must_be_in_order(bounds):
    with pytest.raises(FembError):
        build_header("magface", **bounds)
