"""What several families of networks refuse, each in one sentence."""

from landscape.errors import InputError


def check_images(name: str, input_shape: tuple[int, ...]) -> None:
    """Raises InputError unless an example is of shape (height, width, channels)."""
    if len(input_shape) != 3:
        raise InputError(
            f"{name} needs images of shape (height, width, channels), not inputs of"
            f" shape {input_shape}."
        )


def check_own_widths(name: str, widths: tuple[int, ...]) -> None:
    """Raises InputError if widths are given for a network that has its own."""
    if widths:
        raise InputError(
            f"{name} has its own widths, so --widths must be empty, not {widths};"
            " mlp and lenet take them."
        )


def check_relu(name: str, activation: str) -> None:
    """Raises InputError unless the activation is relu."""
    if activation != "relu":
        raise InputError(f"{name} has the activation relu, not {activation}.")
