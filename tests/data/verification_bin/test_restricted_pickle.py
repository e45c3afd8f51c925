"""The unpickler executes nothing and checks every length."""

import pickle
import struct
import tracemalloc

import numpy as np
import pytest

from femb_cli.data.verification_bin.restricted_pickle import load_set
from femb_cli.errors import FembError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
ALL_BYTES = bytes(range(256)) * 3


@pytest.fixture
def load(tmp_path):
    """Load the pickle that these bytes are."""

    def load_bytes(content: bytes) -> object:
        (tmp_path / "set.bin").write_bytes(content)
        return load_set(tmp_path / "set.bin")

    return load_bytes


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "value",
    [
        None,
        [True, False, 0, 1, -1, 255, 65535, 2**31 - 1, -(2**31), 2**62],
        ([], (), [()], (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        [b"", b"a", ALL_BYTES],
        ["", "text", "Zoë\n\\u", "\U0001f600"],
    ],
    ids=["none", "numbers", "containers", "bytes", "text"],
)
def test_plain_values_come_back_in_every_protocol(load, protocol, value):
    assert load(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_bools_stay_bools(load, protocol):
    assert [type(flag) for flag in load(pickle.dumps([True, False, 1, 0], protocol))] == [bool, bool, int, int]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_bytearray_comes_out_as_bytes(load, protocol):
    assert load(pickle.dumps([bytearray(ALL_BYTES), bytearray()], protocol)) == [ALL_BYTES, b""]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dtype", ["u1", "i2", "<i8", ">i4", ">u8"])
@pytest.mark.parametrize("shape", [(6,), (6, 1), (2, 3), (0,)])
def test_integer_arrays_come_back_in_every_protocol(load, protocol, dtype, shape):
    array = (np.arange(np.prod(shape)) - 3).astype(dtype).reshape(shape)
    assert np.array_equal(load(pickle.dumps(array, protocol)), array)
    assert np.array_equal(load(pickle.dumps(np.asfortranarray(array), protocol)), array)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_bools_of_numpy_come_out_as_integers(load, protocol):
    array, scalars = load(pickle.dumps((np.array([True, False]), [np.True_, np.False_, np.int64(-7)]), protocol))
    assert array.tolist() == [1, 0]
    assert scalars == [1, 0, -7]


def test_strings_of_python_2_come_out_as_bytes(load):
    literal = b"S'\\xff\\n\\'a'\np0\n."
    assert load(literal) == load(b"U\x04\xff\n'a.") == load(b"T\x04\0\0\0\xff\n'a.") == b"\xff\n'a"


def test_one_value_may_be_used_more_than_once(load):
    image = b"image"
    assert load(pickle.dumps([image, image], 2)) == [image, image]


def test_a_list_that_holds_itself_is_not_walked(load):
    value = load(b"]q\x00h\x00a.")
    assert value[0] is value


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"cos\nsystem\n(S'true'\ntR.", "byte 0 names os.system"),
        (b"\x80\x02}.", "byte 2 is the opcode EMPTY_DICT"),
        (b"\x82\x01.", "is the opcode EXT1"),
        (b"\xfe", "byte 0 is b'\\\\xfe'"),
        (b"N", "byte 1 needs 1 bytes more"),
        (b".", "finds the stack empty"),
        (b"NN\x87.", "finds the stack empty"),
        (b"Ne.", "finds no mark"),
        (b"(e.", "finds the stack empty"),
        (b"N(Ne.", "adds to None"),
        (b"h\x05.", "refers to 5"),
        (b"\x80\x09.", "states protocol 9"),
        (b"I1e3\n.", "an integer that is invalid"),
        (b"I" + b"9" * 90 + b"\n.", "too long for 64 bits"),
        (b"I" + b"9" * 20000 + b"\n.", "a line without an end in 100 bytes"),
        (b"\x8a\x40" + b"\xff" * 64 + b".", "an integer of 64 bytes"),
        (b"Vendless", "a line without an end"),
        (b"S'open\n.", "without its quotes"),
        (b"S'\\x0'\n.", "an invalid escape"),
        (b"X\x01\0\0\0\xff.", "text that is not utf-8"),
        (b"\x96" + struct.pack("<Q", 2**36) + b"ab.", "needs 68719476736 bytes more"),
        (b"\x95" + struct.pack("<Q", 2**50) + b"N.", "needs 1125899906842624 bytes more"),
        (b"NN\x93.", "a name that is not text"),
        (b"c_codecs\nencode\nNb.", "changes _codecs.encode"),
        (b"c_codecs\nencode\n(Va\nVrot13\ntR.", "builds bytes from something else"),
        (b"c_codecs\nencode\n(V\\u20ac\nVlatin1\ntR.", "not Latin-1"),
        (b"cnumpy\nndarray\n(I5\ntR.", "calls numpy.ndarray with a tuple"),
        (b"cnumpy\ndtype\n(VO8\nI00\nI01\ntR.", "the type 'O8'"),
        (pickle.dumps(np.array([1.5])), "the type 'f8'"),
        (pickle.dumps(np.zeros((1, 1, 1), np.uint8), 5), "do not fill its shape"),
        (pickle.dumps(np.zeros(7, np.uint8), 5).replace(b"K\x07\x85", b"K\x08\x85"), "7 bytes do not fill its shape"),
        (
            pickle.dumps(np.zeros(1, np.uint8), 2).replace(b"K\x01K\x01\x85", b"K\x01\x88\x85"),
            "1 bytes do not fill its shape",
        ),
        (
            pickle.dumps(np.zeros(7, np.uint8), 5).replace(b"\x8c\x01C", b"C\x01C"),
            "an array from something else than bytes",
        ),
        (pickle.dumps(np.zeros(7, np.uint8), 2).replace(b"K\x00\x85", b"K\x09\x85"), "not empty before it has content"),
    ],
)
def test_what_sets_do_not_use_is_refused_with_its_name_and_place(load, content, what):
    with pytest.raises(FembError, match=what):
        load(content)


def test_an_array_gets_its_content_only_once(load):
    array = pickle.dumps(np.arange(5, dtype=np.uint8), 2)
    again = array[:-1] + b"Nb."
    with pytest.raises(FembError, match="changes an array"):
        load(again)


def test_one_text_cannot_be_made_into_many(load):
    text = b"X" + struct.pack("<I", 10_000) + b"a" * 10_000 + b"q\x00"
    again = b"c_codecs\nencode\nh\x00X\x06\0\0\0latin1\x86R"
    assert load(text + again + b".") == b"a" * 10_000
    with pytest.raises(FembError, match="builds more bytes than the file has"):
        load(text + again * 20 + b".")


def test_a_file_of_nothing_but_opcodes_is_refused(load):
    with pytest.raises(FembError, match="has more than 1125000 instructions"):
        load(b"]" * 2_000_000)


@pytest.mark.parametrize("as_array", [False, True])
def test_memory_stays_below_twice_the_file(tmp_path, as_array):
    images = [np.random.default_rng(seed).bytes(20_000) for seed in range(100)]
    path = tmp_path / "set.bin"
    path.write_bytes(pickle.dumps([np.frombuffer(image, np.uint8) if as_array else image for image in images], 4))
    tracemalloc.start()
    load_set(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * path.stat().st_size


def test_an_empty_file_is_no_pickle(load):
    with pytest.raises(FembError, match="is empty: 0 bytes"):
        load(b"")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FembError, match="cannot read .*none.bin: No such file"):
        load_set(tmp_path / "none.bin")
