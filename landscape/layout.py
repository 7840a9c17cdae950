"""Which leaves of a network are kernels, and which of their axes are inputs or outputs.

The one rule behind masks, weight decay, FLOPs and filters. A leaf is known by its name
and the layer that holds it: by that layer's class, if it is one of linear layers or
convolutions, else by its name and its class. In parameters of Flax Linen and NNX,
Equinox and Haiku:

| leaf | axes | layers |
|---|---|---|
| kernel, w, w_i, w_h | i o | dense and recurrent |
| kernel, w | k ... i o | convolutions: 4 or 5 axes, or "conv" in the layer's name |
| w | k ... o i | Haiku's transposed convolutions: "transpose" in the layer's name |
| kernel | i o ... o | query, key and value of attention, side by side with out |
| kernel | i ... i o | out of attention, side by side with query, key and value |
| kernel | i ... o ... | DenseGeneral, LinearGeneral ("general" in the name): those of \
the bias are outputs |
| weight, weight_ih, weight_hh | o i k ... | Equinox: dense, recurrent, convolutions |
| embedding, embeddings | i o | embeddings; weight, too, if "embed" is in the layer's |
| bias, bias_n, b, offset | | biases, of any number of axes |
| scale; weight if "norm" is in the layer's | | norms, of any number of axes |
| any other of fewer than two axes | | |

i is an input, o an output, k the window of a convolution. Kernels are pruned and
decayed; embeddings, biases and norms are not. No other leaf is guessed: neither another
name, nor a kernel of three axes or more whose bias is not of its outputs (stacked
layers, a transposed kernel). It is refused unless `rules` names it: from patterns
(`fnmatch`) of names to axes ("kio"), or to embedding, bias, norm or other.
"""

import fnmatch
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import DictKey, GetAttrKey, SequenceKey

from landscape import trees
from landscape.aliases import Params
from landscape.errors import InputError, check_choice

Rules = Mapping[str, str] | Sequence[tuple[str, str]]

_KERNELS = ("kernel", "w", "weight")
_BIASES = ("bias", "b", "offset")
_KINDS = ("embedding", "bias", "norm", "other")


class Leaf(NamedTuple):
    """What a leaf is.

    Attributes:
      kind: kernel, embedding, bias, norm or other.
      shape: its shape.
      axes: of a kernel or an embedding, one of i, o and k for each axis; else "".
    """

    kind: str
    shape: tuple[int, ...]
    axes: str = ""

    def sizes(self, letter: str) -> tuple[int, ...]:
        """Sizes of the axes that are inputs ("i"), outputs ("o") or window ("k")."""
        pairs = zip(self.axes, self.shape, strict=True)
        return tuple(size for axis, size in pairs if axis == letter)

    @property
    def canonical(self) -> tuple[int, ...]:
        """(*window, inputs, outputs): the shape of a plain layer of the same size."""
        return *self.sizes("k"), math.prod(self.sizes("i")), math.prod(self.sizes("o"))


def leaves(params: Params, rules: Rules = ()) -> dict[str, Leaf]:
    """What each leaf is, by name, in the order of the tree.

    Args:
      params: parameters, or their shapes.
      rules: patterns of names, and axes or kinds; the first that matches counts, before
        the rule above.

    Raises:
      InputError: a leaf that no rule knows, a pattern that names no leaf, or axes that
        do not fit.

    >>> params = {"query": {"kernel": jnp.ones((8, 2, 3)), "bias": jnp.ones((2, 3))}}
    >>> leaves(params | {"key": {}, "value": {}, "out": {}})["query/kernel"].canonical
    (8, 6)
    >>> leaves({"mix": {"kernel": jnp.ones((5, 2, 3))}})
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: the axes of mix/kernel, shape (5, 2, 3), are not \
known: name them, as in rules={'mix/kernel': 'kio'} (i input, o output, k window, or \
embedding, bias, norm or other for the whole).
    >>> leaves({"mix": {"kernel": jnp.ones((5, 2, 3))}}, {"mix/*": "iio"})
    {'mix/kernel': Leaf(kind='kernel', shape=(5, 2, 3), axes='iio')}
    """
    rules, named = dict(rules), trees.named_leaves(params)
    for pattern in rules:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in named):
            check_choice("parameter", pattern, named)
    paths, _ = jax.tree_util.tree_flatten_with_path(params)
    found = {}
    for name, (path, leaf) in zip(named, paths, strict=True):
        given = (at for key, at in rules.items() if fnmatch.fnmatchcase(name, key))
        axes, shape = next(given, None) or _known(params, path, leaf), jnp.shape(leaf)
        if axes in _KINDS:
            found[name] = Leaf(axes, shape, "io" if axes == "embedding" else "")
        elif axes and len(axes) == len(shape) and {"o"} <= {*axes} <= {*"iok"}:
            found[name] = Leaf("kernel", shape, axes)
        else:
            raise _unknown(name, shape, axes)
    return found


def kernels(params: Params, rules: Rules = ()) -> dict[str, Leaf]:
    """The kernels among `leaves`.

    >>> kernels({"Dense_0": {"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}})
    {'Dense_0/kernel': Leaf(kind='kernel', shape=(3, 2), axes='io')}
    """
    found = leaves(params, rules)
    return {name: leaf for name, leaf in found.items() if leaf.kind == "kernel"}


def rules_of(model: Any) -> tuple[tuple[str, str], ...]:
    """What a network says of its leaves: its attribute `layout_rules`; () without.

    >>> class Mixed:
    ...     layout_rules = {"mix/w*": "io"}
    >>> rules_of(Mixed()), rules_of(None)
    ((('mix/w*', 'io'),), ())
    """
    return tuple(dict(getattr(model, "layout_rules", ())).items())


def layer_name(name: str) -> str:
    """The layer of a kernel, by which users name it.

    >>> layer_name("Block_0/Conv_1/kernel"), layer_name("layers/0/weight")
    ('Block_0/Conv_1', 'layers/0')
    """
    layer, _, last = name.rpartition("/")
    return layer if last in _KERNELS and layer else name


def _known(params: Params, path: tuple, leaf: Any) -> str | None:
    """Axes or kind of a leaf by the rule; None if it knows neither."""
    # A variable of Flax NNX is a node, whose leaf is its value.
    if isinstance(path[-1], GetAttrKey) and path[-1].name == "value":
        path = path[:-1]
    parts, ndim = trees.leaf_name(path).split("/"), jnp.ndim(leaf)
    name, own_name = parts[-1], "".join(parts[-2:-1])
    above, holder = _nodes(params, path)
    kind = type(holder).__name__ if isinstance(path[-1], GetAttrKey) else ""
    # What a layer is called says nothing against its class.
    plain = any(part in kind.lower() for part in ("linear", "conv"))
    layer = (kind if plain else f"{own_name} {kind}").lower()
    window = "k" * (ndim - 2)
    if name in _BIASES or name == "bias_n":
        return "bias"
    if name == "scale" or (name == "weight" and ("norm" in layer or ndim < 2)):
        return "norm"
    if ndim < 2:
        return "o" if name == "kernel" and ndim else "other"
    if name in ("embedding", "embeddings") or (name == "weight" and "embed" in layer):
        return "embedding" if ndim == 2 else None
    if name == "weight" or (name in ("weight_ih", "weight_hh") and ndim == 2):
        axes = f"oi{window}"
    elif name in ("kernel", "w", "w_i", "w_h") and ndim == 2:
        axes = "io" if "einsum" not in layer else None
    elif name == "w" and "transpose" in layer:
        axes = f"{window}oi"
    elif name not in ("kernel", "w"):
        axes = None
    else:
        heads = "i" + "o" * (ndim - 1)
        attention = dict.fromkeys(("query", "key", "value"), heads)
        attention["out"] = "i" * (ndim - 1) + "o"
        # Flax makes attention of general layers.
        if all(_get(above, part) is not None for part in attention):
            axes = attention.get(own_name)
        else:
            axes = _of_many_axes(ndim, layer, holder)
    bias = next((b for b in (_get(holder, n) for n in _BIASES) if b is not None), None)
    if axes is None or ndim == 2 or bias is None:
        return axes
    outputs = math.prod(Leaf("kernel", jnp.shape(leaf), axes).sizes("o"))
    entries = sum(math.prod(jnp.shape(part)) for part in jax.tree.leaves(bias))
    return axes if outputs == entries else None


def _of_many_axes(ndim: int, layer: str, holder: Any) -> str | None:
    """Axes of a kernel of Flax or Haiku with three axes or more."""
    if "general" in layer and (bias := _get(holder, "bias")) is not None:
        outputs = jnp.ndim(jax.tree.leaves(bias)[0])
        return "i" * (ndim - outputs) + "o" * outputs
    if "general" in layer or "einsum" in layer:
        return None
    return "k" * (ndim - 2) + "io" if "conv" in layer or ndim in (4, 5) else None


def _nodes(params: Params, path: tuple) -> tuple[Any, Any]:
    """The node that holds the layer of a leaf, and the layer; None where unknown."""
    above, node = None, params
    for key in path[:-1]:
        match key:
            case DictKey(key=at) | SequenceKey(idx=at):
                above, node = node, node[at]
            case GetAttrKey(name=at):
                above, node = node, getattr(node, at)
            case _:
                return None, None
    return above, node


def _get(node: Any, name: str) -> Any:
    if isinstance(node, Mapping):
        return node.get(name)
    return getattr(node, name, None)


def _unknown(name: str, shape: tuple[int, ...], axes: str | None) -> InputError:
    if axes is not None:
        return InputError(
            f"the rule of {name} must be {', '.join(_KINDS)}, or one of i, o and k for"
            f" each axis of its shape {shape}, not {axes!r}."
        )
    example = "k" * (len(shape) - 2) + "io"
    return InputError(
        f"the axes of {name}, shape {shape}, are not known: name them, as in"
        f" rules={{{name!r}: {example!r}}} (i input, o output, k window, or"
        f" {', '.join(_KINDS[:-1])} or {_KINDS[-1]} for the whole)."
    )
