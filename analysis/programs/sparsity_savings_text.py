"""What sparsity saves, in words: bytes and time, and where it brings nothing."""

from typing import Any

from landscape.tables import format_table

NAMES = {
    "dense": "dense, compiled (XLA)",
    "masked": "masked, compiled (XLA)",
    "NumPy": "dense, NumPy",
    "sparse": "sparse, CSR (SciPy)",
}


def savings(result: dict[str, Any]) -> str:
    """Bytes, times, and a sentence on each."""
    if result["savings"] is None:
        return "Nothing is pruned: no bytes and no time are saved."
    found, first = result["savings"], result["found"][0]
    parts = [_sizes(found["sizes"]), _times(found)]
    if first["pattern"] and first["method"] in ("nm", "ste"):
        parts.append(
            f"The pattern {first['pattern']} brings no more than other masks do here:"
            " that takes hardware with sparse tensor cores."
        )
    return "\n\n".join(parts)


def _sizes(sizes: dict[str, int]) -> str:
    words = {
        "dense": "dense, .npz",
        "compressed": "dense, compressed .npz",
        "sparse": "sparse (CSR), compressed",
    }
    rows = [
        [words[name], f"{size:,}", f"{100 * size / sizes['dense']:.1f} %"]
        for name, size in sizes.items()
    ]
    less = 1 - sizes["sparse"] / sizes["compressed"]
    if less > 0:
        said = f"{100 * less:.0f} % fewer than mere compression of the dense file."
    else:
        said = "no fewer than mere compression of the dense file: CSR brings nothing."
    return (
        f"{format_table(['parameters on disk', 'bytes', 'of dense'], rows)}\nThe sparse"
        f" file has {said}"
    )


def _times(found: dict[str, Any]) -> str:
    times, machine = found["times"], found["machine"]
    rows = []
    for name, words in NAMES.items():
        row = [words]
        for each in times.values():
            fastest, low, middle, high = each["seconds"][name]
            ratio = each["seconds"]["dense"][0] / fastest
            row += [_us(fastest), _us(middle), f"{_us(low)} to {_us(high)}"]
            row.append(f"{ratio:.2f}")
        rows.append(row)
    head = ["forward pass (us)"]
    for size in times:
        head += [f"batch {size}: fastest", "median", "quartiles", "speed-up"]
    lines = [format_table(head, rows)]
    lines += [_verdict(size, each) for size, each in times.items()]
    calls = " and ".join(str(each["calls"]) for each in times.values())
    worst = max(each["difference"] for each in times.values())
    lines.append(
        f"Of {calls} calls, on {machine['device']} and {machine['cores']} cores of"
        f" {machine['processor']}, of which SciPy uses one. Speed-up: over the compiled"
        " dense network, by the fastest calls, which no other work on the machine"
        f" disturbs. Logits agree to {worst:.1g} of the largest."
    )
    return "\n".join(lines)


def _us(seconds: float) -> str:
    return f"{1e6 * seconds:,.0f}"


def _verdict(size: Any, each: dict[str, Any]) -> str:
    seconds = each["seconds"]
    text = f"Batch {size}: the sparse network is {_compared(seconds, 'dense')} the"
    text += f" compiled dense one and {_compared(seconds, 'NumPy')} NumPy's."
    limits = {"dense": "the compiled dense one", "NumPy": "NumPy's"}
    for name, words in limits.items():
        density = each["break_even"][name]
        lowest, highest = (100 * each["by_density"][i][0] for i in (0, -1))
        if density == 0:
            text += f" At no density from {lowest:g} % on is CSR faster than {words}."
        elif density == 1:
            text += f" At {highest:g} % density CSR is still faster than {words}."
        else:
            text += f" CSR is faster than {words} below {100 * density:.2g} % density."
    return f"{text} Masks alone: {_compared(seconds, 'dense', 'masked')} dense."


def _compared(seconds: dict[str, list], other: str, name: str = "sparse") -> str:
    """By the fastest calls; a difference of less than a tenth is none.

    >>> _compared({"dense": [3.0], "sparse": [1.0]}, "dense")
    '3 times as fast as'
    >>> _compared({"dense": [1.0], "sparse": [1.05]}, "dense")
    'as fast as'
    """
    ratio = seconds[other][0] / seconds[name][0]
    if ratio > 1.1:
        return f"{ratio:.2g} times as fast as"
    if ratio < 0.9:
        return f"{1 / ratio:.2g} times as slow as"
    return "as fast as"
