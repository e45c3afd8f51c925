"""The replacements of NumPy's functions build the values that NumPy would."""

import numpy as np
import pytest

from femb_cli.data.verification_bin.pickled_values import ByteBudget, RefusedError, build, find_global, kind


def call(module: str, name: str, *arguments: object, budget: int = 1000) -> object:
    return find_global(module, name).call(arguments, ByteBudget(budget))


def test_a_function_that_no_set_uses_is_refused():
    with pytest.raises(RefusedError, match="names os.system"):
        find_global("os", "system")
    assert find_global("numpy", "ndarray").call is None


@pytest.mark.parametrize("code", ["u1", "i2", "u4", "i8"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_an_array_is_built_from_its_state(code, order):
    expected = (np.arange(6) + 1).astype(order + code).reshape(2, 3)
    element = call("numpy", "dtype", code, False, True)
    build(element, (3, order, None, None, None, -1, -1, 0), ByteBudget(0))
    array = call("numpy.core.multiarray", "_reconstruct", find_global("numpy", "ndarray"), (0,), b"b")
    build(array, (1, (2, 3), element, False, expected.tobytes()), ByteBudget(1000))
    np.testing.assert_array_equal(array, expected)


def test_a_scalar_is_an_integer():
    assert (
        call("numpy._core.multiarray", "scalar", call("numpy", "dtype", "i4", False, True), b"\xfe\xff\xff\xff") == -2
    )


def test_text_becomes_bytes_only_as_latin_1():
    assert call("_codecs", "encode", "\xff\0", "latin1") == b"\xff\0"
    with pytest.raises(RefusedError, match="builds bytes from something else"):
        call("_codecs", "encode", "a", "rot13")


def test_the_budget_limits_what_is_built():
    with pytest.raises(RefusedError, match="builds more bytes than the file has"):
        call("_codecs", "encode", "a" * 11, "latin1", budget=10)


def test_a_value_is_described_by_its_type():
    endless: list[object] = []
    endless.append(endless)
    described = [kind(value) for value in (endless, "x", b"x", True, None, find_global("numpy", "dtype"))]
    assert described == ["a list", "text", "bytes", "a bool", "None", "numpy.dtype"]
