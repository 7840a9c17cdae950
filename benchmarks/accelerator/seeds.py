"""LeNets of several seeds trained in one program, against one after the other."""

from collections.abc import Iterator
from functools import partial

from benchmarks.accelerator import measuring
from benchmarks.accelerator.rows import Case, Options, Row
from benchmarks.seeds import CASES, STEPS, calls
from benchmarks.timing import race

SMALL = "mlp 64-30-10"


def cases(options: Options) -> Iterator[Case]:
    """LeNet-300-100 and LeNet-5 on images of MNIST's shape."""
    lenet5 = {"lenet5 784": ({"model": "lenet5"}, (28, 28, 1), 20_000)}
    chosen = {SMALL: CASES[SMALL]} if options.small else CASES | lenet5
    for name, case in chosen.items():
        what = f"seeds of {name}, together"
        yield what, partial(compared, what, case, options.seeds)


def compared(what: str, case: tuple, num_seeds: int) -> Row:
    """Milliseconds of a step of all seeds."""
    times = race(calls(*case, num_seeds), rounds=3)
    together, other = times["side by side"], times["one by one"]
    each = [f"{1e3 * t.wall / STEPS:.2f} ms" for t in (together, other)]
    return Row(
        what,
        f"{each[0]} a step, one after the other {each[1]}",
        sum(t.first - t.wall for t in (together, other)),
        None,
        measuring.memory(),
        f"{other.wall / together.wall:.2f} times as fast; {num_seeds} seeds, batch 128",
    )
