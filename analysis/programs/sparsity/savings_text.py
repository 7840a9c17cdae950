"""What sparsity saves, in words: bytes and time, and where it brings nothing."""

from typing import Any

from landscape.tables import format_table

NAMES = {
    "dense": "dense, compiled (XLA)",
    "masked": "masked, compiled (XLA)",
    "NumPy": "dense, NumPy",
    "sparse": "sparse, CSR (SciPy)",
}

FASTEST, MEDIAN, UPPER = 0, 2, 3
"""Places of these (of the upper quartile) among the percentiles of times."""
UNDECIDED = "not decided here"


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
            ratio = each["seconds"]["dense"][FASTEST] / fastest
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
        " dense network, by the fastest calls, which other work on the machine"
        f" disturbs least. Logits agree to {worst:.1g} of the largest."
    )
    if any(UNDECIDED in line for line in lines):
        lines[-1] += (
            f" {UNDECIDED.capitalize()}: an upper quartile is over twice the fastest"
            " call, or the median of the one is not below the fastest call of the"
            " other: a repetition may say otherwise."
        )
    return "\n".join(lines)


def _us(seconds: float) -> str:
    return f"{1e6 * seconds:,.0f}"


def _verdict(size: Any, each: dict[str, Any]) -> str:
    seconds = each["seconds"]
    limits = {"dense": "the compiled dense one", "NumPy": "NumPy's"}
    against = {name: _compared(seconds, name, words) for name, words in limits.items()}
    text = f"Batch {size}: the sparse network is {' and '.join(against.values())}."
    for name, words in limits.items():
        density = each["break_even"][name]
        lowest, highest = (100 * each["by_density"][i][0] for i in (0, -1))
        steady = _steady(seconds[name], *(times for _, *times in each["by_density"]))
        if not steady or UNDECIDED in against[name]:
            text += f" Below which density CSR is faster than {words}: {UNDECIDED}."
        elif density == 0:
            text += f" At no density from {lowest:g} % on is CSR faster than {words}."
        elif density == 1:
            text += f" At {highest:g} % density CSR is still faster than {words}."
        else:
            text += f" CSR is faster than {words} below {100 * density:.2g} % density."
    masked = _compared(seconds, "dense", "the dense one", "masked")
    return f"{text} The masked network is {masked}."


def _compared(
    seconds: dict[str, list], other: str, words: str, name: str = "sparse"
) -> str:
    """By the fastest calls, where the load of the machine leaves them comparable.

    One is faster if it is by a fifth (less is seen between programs that must take
    equally long), its median is below the other's fastest call, and both are steady; or
    if twice its upper quartile is below that. All else may come out otherwise the next
    time.

    >>> _compared({"a": [3, 3, 3.2, 4], "sparse": [1, 1, 1.2, 1.5]}, "a", "A")
    '3 times as fast as A'
    >>> _compared({"a": [1, 1, 1.1, 1.2], "sparse": [1.05, 1.1, 1.2, 1.2]}, "a", "A")
    'as fast as A'
    >>> _compared({"a": [1.7, 1.7, 1.8, 2], "sparse": [1, 1, 1.8, 2]}, "a", "A")
    'faster or slower than A (not decided here)'
    """
    ours, theirs = seconds[name], seconds[other]
    ratio, steady = theirs[FASTEST] / ours[FASTEST], _steady(ours, theirs)
    if ratio > 1.2 and _below(ours, theirs, steady):
        return f"{ratio:.2g} times as fast as {words}"
    if ratio < 1 / 1.2 and _below(theirs, ours, steady):
        return f"{1 / ratio:.2g} times as slow as {words}"
    if 1 / 1.2 <= ratio <= 1.2 and steady:
        return f"as fast as {words}"
    return f"faster or slower than {words} ({UNDECIDED})"


def _below(less: list[float], more: list[float], steady: bool) -> bool:
    return 2 * less[UPPER] < more[FASTEST] or (steady and less[MEDIAN] < more[FASTEST])


def _steady(*times: list[float]) -> bool:
    """Whether no upper quartile is over twice its fastest call."""
    return all(each[UPPER] <= 2 * each[FASTEST] for each in times)
