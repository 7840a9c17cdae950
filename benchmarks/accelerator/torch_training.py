"""The same step in PyTorch: channels last, autocast to bfloat16, torch.compile.

It runs in a process of its own, and imports neither JAX nor NumPy.
"""

import statistics
import time
from collections.abc import Iterator

from benchmarks.accelerator.rows import RESNET50_STEP, Case, Options, Row

WHAT = "training step, dense, PyTorch"


def resnet50(blocks=(3, 4, 6, 3), channels=(64, 128, 256, 512), num_classes=1000):
    """ResNet-50 as `landscape.models` has it: 25,557,032 parameters."""
    import torch
    from torch import nn

    def convolution(before, after, size, stride=1):
        same = size // 2
        return nn.Conv2d(before, after, size, stride, same, bias=False)

    def normed(before, after, size, stride=1):
        return nn.Sequential(
            convolution(before, after, size, stride), nn.BatchNorm2d(after)
        )

    class Bottleneck(nn.Module):
        def __init__(self, before, channels, stride):
            super().__init__()
            after = 4 * channels
            self.inner = nn.Sequential(
                normed(before, channels, 1), nn.ReLU(),
                normed(channels, channels, 3, stride), nn.ReLU(),
                normed(channels, after, 1),
            )  # fmt: skip
            new = stride != 1 or before != after
            self.shortcut = normed(before, after, 1, stride) if new else nn.Identity()

        def forward(self, x):
            return torch.relu(self.shortcut(x) + self.inner(x))

    layers = [normed(3, channels[0], 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    before = channels[0]
    for stage, (count, width) in enumerate(zip(blocks, channels, strict=True)):
        for number in range(count):
            stride = 2 if stage > 0 and number == 0 else 1
            layers.append(Bottleneck(before, width, stride))
            before = 4 * width
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, num_classes)
    return nn.Sequential(*layers, *head)


def cases(options: Options) -> Iterator[Case]:
    """The one step; the row says so where PyTorch or its GPU is missing."""
    yield WHAT, lambda: trained(options)


def trained(options: Options) -> Row:
    """Images a second of SGD with momentum on one batch."""
    try:
        import torch
    except ImportError:
        return Row(WHAT, "not measured", note="PyTorch is not installed")
    cuda = torch.cuda.is_available()
    if not cuda and not options.small:
        note = f"PyTorch {torch.__version__} finds no GPU"
        return Row(WHAT, "not measured", note=note)
    device = torch.device("cuda" if cuda else "cpu")
    net, pixels, classes = resnet50(), 224, 1000
    if options.small:
        net, pixels, classes = resnet50((1, 1, 1), (8, 8, 16), 10), 32, 10
    net = net.to(device, memory_format=torch.channels_last)
    # Compilation on a CPU needs a compiler of C++.
    model = torch.compile(net) if cuda else net
    size = options.batch_size
    optimizer = torch.optim.SGD(
        net.parameters(), 0.1, momentum=0.9, nesterov=True, weight_decay=1e-4
    )
    bytes_ = torch.randint(0, 256, (size, 3, pixels, pixels), dtype=torch.uint8)
    bytes_ = bytes_.to(device, memory_format=torch.channels_last)
    labels = torch.randint(0, classes, (size,), device=device)
    loss_fn = torch.nn.CrossEntropyLoss(label_smoothing=0.1)

    def run(steps):
        start = time.perf_counter()
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            images = (bytes_.float() - 127) / 64
            with torch.autocast(device.type, torch.bfloat16):
                loss = loss_fn(model(images), labels)
            loss.backward()
            optimizer.step()
        loss.item()
        return time.perf_counter() - start

    steps = 2 if options.small else 20
    first, second = run(2), run(2)
    seconds = statistics.median(run(steps) for _ in range(3))
    rate = steps * size / seconds
    peaks = options.peaks or (known_peak(torch.cuda.get_device_name()),) if cuda else ()
    known = peaks and peaks[0] and not options.small
    share = rate * RESNET50_STEP / peaks[0] if known else None
    memory = torch.cuda.max_memory_allocated() if cuda else None
    count = sum(p.numel() for p in net.parameters())
    how = "torch.compile" if cuda else "not compiled"
    note = f"PyTorch {torch.__version__}, {how}, {count:,} parameters, batch {size}"
    return Row(WHAT, f"{rate:,.0f} images/s", first - second, share, memory, note)


def known_peak(name: str) -> float | None:
    """In bfloat16, of a device with this name."""
    from benchmarks import machines

    machine = machines.of_kind(name)
    return machine and machine.bfloat16
