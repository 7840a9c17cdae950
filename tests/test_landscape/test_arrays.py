import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from landscape.arrays import check_arrays, check_floating, on_device
from landscape.errors import InputError


class Module:
    """What Equinox makes: a pytree whose leaves are arrays and functions."""

    def __init__(self, weight, activation):
        self.weight, self.activation = weight, activation


jax.tree_util.register_pytree_with_keys(
    Module,
    lambda m: (
        [
            (jax.tree_util.GetAttrKey(name), getattr(m, name))
            for name in ("weight", "activation")
        ],
        None,
    ),
    lambda _, leaves: Module(*leaves),
)


def test_what_jax_takes_is_an_array():
    number = np.ones(2, ml_dtypes.bfloat16), np.float32(1), 3, True, 1.0, 1j
    array = jnp.ones(2), jax.ShapeDtypeStruct((2,), np.float32), jax.random.key(0)
    check_arrays({"a": number, "b": array, "c": None}, "it")
    jax.jit(lambda x: check_arrays(x, "it"))({"a": 1.0})


class Lazy:
    """An array of another library, made when JAX asks for it."""

    def __init__(self, value):
        self.value = value

    def __jax_array__(self):
        return self.value


def test_what_jax_takes_goes_to_the_device_as_jnp_asarray_makes_it():
    numbers = {"a": np.ones(2), "b": np.float64(1), "c": 3, "d": 1.0, "e": jnp.ones(2)}
    tree = numbers | {"f": jax.random.key(0), "g": Lazy(jnp.ones(3))}
    for x64 in (False, True):
        with jax.enable_x64(x64):
            for name, found in on_device(tree).items():
                want = jnp.asarray(tree[name])
                assert found.aval == want.aval, name
    # A CPU may take memory that begins at a multiple of 64 bytes as its own.
    memory = np.zeros(320, np.uint8)
    start = -memory.ctypes.data % 64
    array = memory[start : start + 256].view(np.float32)
    found = on_device(array)
    array[:] = 1
    assert not found.any()


@pytest.mark.parametrize(
    ("leaf", "seen"),
    [
        ("text", "of type str"),
        (np.array(["text"]), "one of <U4"),
        (np.array([None]), "one of object"),
        (np.zeros(1, "datetime64[s]"), r"one of datetime64\[s\]"),
        (np.zeros(1, "timedelta64[s]"), r"one of timedelta64\[s\]"),
        (np.ma.masked_array([1.0]), "of type MaskedArray"),
        (jnp.tanh, "the function tanh"),
        (object(), "of type object"),
    ],
)
def test_what_jax_does_not_take_is_refused_by_name(leaf, seen):
    message = f"must be an array of numbers, not {seen}: keep what is no array apart"
    with pytest.raises(InputError, match=f"^a/activation in the parameters {message}"):
        check_arrays({"a": Module(jnp.ones(2), leaf)}, "the parameters")
    with pytest.raises(InputError, match=f"^the parameters {message}"):
        check_arrays(leaf, "the parameters")


@pytest.mark.parametrize(
    ("leaf", "dtype"),
    [
        (3, "int32"),
        (np.array(True), "bool"),
        (jax.random.key(0), "key<fry>"),
        (jax.random.PRNGKey(0), "uint32"),
        (1j, "complex64"),
    ],
)
def test_leaves_that_are_not_of_floating_point_are_refused_by_name(leaf, dtype):
    check_floating([1.0, np.ones(2, np.float16), jnp.ones(1), None], "it")
    with pytest.raises(InputError, match=f"^a must be of floating point, not {dtype}."):
        check_floating({"a": leaf, "b": 1.0}, "it")
