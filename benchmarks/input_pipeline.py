"""Images a second and core: reading in time, against the usual recipe with Pillow.

    python -m benchmarks.input_pipeline

Smooth random pictures with noise, JPEGs of 400x500 pixels (as ImageNet's) and of
1200x1600. Training examples of 224x224: a crop of random size and ratio, resized,
mirrored. The rival decodes the whole image with Pillow, crops, and resizes (what
torchvision's transforms do, with its PIL backend). CPU time of one thread; then wall
time of a batch by 1 and 2 threads. The cores that a host needs are the images that it
trains on in a second, divided by those of a core. About a minute.
"""

import concurrent.futures
import io

import numpy as np
from PIL import Image

from benchmarks.timing import race
from landscape.data import streaming
from landscape.data.streaming import batches, crops
from landscape.tables import format_table

SIZE, COUNT = 224, 64
SHAPES = {"400x500": (400, 500), "1200x1600": (1200, 1600)}


def photograph(height, width, seed):
    """A JPEG: smooth colours with fine noise, quality 90, colour at half resolution."""
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, 256, (height // 40, width // 40, 3)).astype(np.uint8)
    resized = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    noise = draw.normal(0, 6, (height, width, 3))
    pixels = np.clip(np.asarray(resized) + noise, 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def with_pillow(data, seed):
    image = Image.open(io.BytesIO(data)).convert("RGB")
    width, height = image.size
    crop = crops.at_random(height, width, np.random.default_rng(seed))
    box = (crop.left, crop.top, crop.left + crop.width, crop.top + crop.height)
    part = image.crop(box).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    if crop.mirrored:
        part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(part)


def main():
    rows = []
    for name, shape in SHAPES.items():
        files = [photograph(*shape, seed) for seed in range(8)]
        source = streaming.Source(COUNT, 1, lambda i, f=files: (f[i % 8], 0), str)
        stream = streaming.Stream(source, SIZE, True, 0, 1, {})
        indices = np.arange(COUNT)

        def in_threads(number, stream=stream, indices=indices):
            with concurrent.futures.ThreadPoolExecutor(number) as pool:
                return streaming.batch(pool, stream, indices, 0)

        times = race(
            {
                "in time": lambda s=stream: [
                    batches.example(s, i, i) for i in range(COUNT)
                ],
                "Pillow": lambda f=files: [
                    with_pillow(f[i % 8], i) for i in range(COUNT)
                ],
                "1 thread": lambda run=in_threads: run(1),
                "2 threads": lambda run=in_threads: run(2),
            }
        )
        ours, theirs = times["in time"].cpu, times["Pillow"].cpu
        speed_up = times["1 thread"].wall / times["2 threads"].wall
        kilobytes = f"{len(files[0]) / 1000:.0f}"
        rates = [f"{COUNT / time:.0f}" for time in (ours, theirs)]
        ratios = [f"{theirs / ours:.2f}", f"{speed_up:.2f}"]
        rows.append([name, kilobytes, *rates, *ratios])
    header = ["JPEG", "kB", "images a second and core", "Pillow", "ratio"]
    print(format_table([*header, "2 threads over 1, wall"], rows))


if __name__ == "__main__":
    main()
