"""Networks in Flax Linen, one family a file; `create` makes them by name."""

from landscape.models.alexnet import AlexNet
from landscape.models.bottleneck_resnet import BottleneckResNet
from landscape.models.conv import Conv, max_pool_2x2
from landscape.models.creation import create, init, shapes
from landscape.models.equinox_networks import from_equinox
from landscape.models.lenet import LeNet
from landscape.models.mlp import MLP
from landscape.models.nnx_networks import from_nnx
from landscape.models.output_positions import positions
from landscape.models.resnet import ResNet
from landscape.models.scaling import scaled_to
from landscape.models.users import is_adapted
from landscape.models.vgg import VGG
from landscape.models.wide_resnet import WideResNet
from landscape.models.widths import layers_in_order, widths_of

__all__ = [
    "MLP",
    "VGG",
    "AlexNet",
    "BottleneckResNet",
    "Conv",
    "LeNet",
    "ResNet",
    "WideResNet",
    "create",
    "from_equinox",
    "from_nnx",
    "init",
    "is_adapted",
    "layers_in_order",
    "max_pool_2x2",
    "positions",
    "scaled_to",
    "shapes",
    "widths_of",
]
