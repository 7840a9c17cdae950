"""Units of dense and convolutional layers one after another, and what permutes them."""

from collections.abc import Sequence
from typing import NamedTuple

from landscape import layout
from landscape.aliases import Params
from landscape.errors import InputError, check_choice
from landscape.layout import Rules


class Axis(NamedTuple):
    """What permutes an axis: channels, laid side by side, at each of the positions.

    Attributes:
      names: the permutations of consecutive groups of channels.
      positions: how often the channels are repeated, H * W where [H, W, C] was
        flattened; the channel is the last index.
    """

    names: tuple[str, ...]
    positions: int = 1


class Spec(NamedTuple):
    """The permutation symmetry of a network; write one by hand for any other network.

    Attributes:
      sizes: number of units of each permutation, in the order of the forward pass.
      axes: for each leaf's name, what acts on each of its axes; None: nothing does.

    >>> tied = Axis(("hidden",))
    >>> spec = Spec({"hidden": 3}, {"in": (None, tied), "out": (tied, None)})
    >>> spec.sizes["hidden"], spec.axes["out"][0] == tied
    (3, True)
    """

    sizes: dict[str, int]
    axes: dict[str, tuple[Axis | None, ...]]


def sequential(params: Params, layers: Sequence[str], rules: Rules = ()) -> Spec:
    """The symmetry of dense and convolutional layers one after another, and norms.

    Args:
      params: a layer holds a kernel ("LAYER/kernel", "LAYER/weight") and, where there
        is one, a bias; a norm ("LAYER/scale", "LAYER/weight") and a bias alone.
      layers: names in the order of the forward pass. A norm acts on the units of the
        layer before it. Where a layer or a norm has m times as many inputs as the
        layer before it has outputs, the latter were flattened from [..., C]: their C
        channels are repeated at m positions.
      rules: for leaves that `landscape.layout` does not know.

    Raises:
      InputError: there is no such layer, or its inputs are no multiple of the outputs
        of the one before, or are on several axes, as of attention.
    """
    leaves = layout.leaves(params, rules)
    known = {name.rpartition("/")[0]: None for name in leaves}
    for layer in layers:
        check_choice("layer", layer, known)
    kernels = {layer: _kernel(leaves, layer) for layer in layers}
    last = next((layer for layer in reversed(layers) if kernels[layer]), None)
    sizes, axes, before = {}, {}, None
    for layer in layers:
        if (name := kernels[layer]) is None:
            axes |= _norm_axes(leaves, layer, sizes, before)
            continue
        kernel = leaves[name]
        if sorted(kernel.axes.replace("k", "")) != ["i", "o"]:
            raise InputError(
                f"the units of {name}, axes {kernel.axes}, are not those of one axis:"
                " write its Spec."
            )
        *_, fan_in, fan_out = kernel.canonical
        inputs = _repeated(layer, fan_in, sizes, before)
        outputs = Axis((layer,)) if layer != last else None
        axes[name] = tuple({"i": inputs, "o": outputs}.get(a) for a in kernel.axes)
        if bias := leaves.get(f"{layer}/bias"):
            # Equinox has [outputs, 1, 1] behind convolutions.
            axes[f"{layer}/bias"] = (outputs, *(None for _ in bias.shape[1:]))
        if outputs:
            sizes[layer] = fan_out
        before = layer if outputs else None
    return Spec(sizes, axes)


def _kernel(leaves: dict[str, layout.Leaf], layer: str) -> str | None:
    """The kernel of a layer; None of a norm."""
    names = (f"{layer}/{name}" for name in ("kernel", "weight"))
    return next((n for n in names if n in leaves and leaves[n].kind == "kernel"), None)


def _repeated(
    layer: str, inputs: int, sizes: dict[str, int], before: str | None
) -> Axis | None:
    """The units of the layer before, as another layer reads them."""
    if before is None:
        return None
    positions, rest = divmod(inputs, sizes[before])
    if rest:
        raise InputError(
            f"{layer} has {inputs} inputs, not a multiple of the {sizes[before]}"
            f" outputs of {before}."
        )
    return Axis((before,), positions)


def _norm_axes(leaves, layer: str, sizes, before: str | None) -> dict[str, tuple]:
    """Of a norm: its scale and bias, and what batch norm keeps beside them."""
    own = {n: leaf for n, leaf in leaves.items() if n.rpartition("/")[0] == layer}
    for name, leaf in own.items():
        if leaf.kind not in ("norm", "bias") or len(leaf.shape) != 1:
            raise InputError(
                f"{name}, shape {leaf.shape}, is no part of a dense or convolutional"
                " layer, nor of a norm with an entry for each channel."
            )
    (length,) = next(iter(own.values())).shape
    units = _repeated(layer, length, sizes, before)
    statistics = (f"{layer}/mean", f"{layer}/var")
    return {name: (units,) for name in (*own, *statistics)}


def declared(params: Params, layers: Sequence[str], rules: Rules = ()) -> Spec:
    """As `sequential`, of a network that names its layers: it must name all of them.

    What it leaves out would stay as it is where units move.

    Raises:
      InputError: as `sequential`; a name is missing or twice, or they are no tuple.
    """
    if isinstance(layers, str) or not all(isinstance(name, str) for name in layers):
        raise InputError(f"unit_layers must be a tuple of names, not {layers!r}.")
    told = f"unit_layers {' '.join(layers)}"
    if twice := [name for name in layers if list(layers).count(name) > 1]:
        raise InputError(f"{told} names {twice[0]} twice.")
    try:
        spec = sequential(params, layers, rules)
    except InputError as error:
        raise InputError(f"{told}: {error}") from None
    others = [name for name in layout.leaves(params, rules) if name not in spec.axes]
    if others:
        raise InputError(
            f"{told} leaves out {', '.join(others)}: units are known of dense and"
            " convolutional layers and norms, all of a network, one after another."
        )
    return spec
