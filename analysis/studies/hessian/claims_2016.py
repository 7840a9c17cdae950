"""What Sagun, Bottou and LeCun (2016) show: check C3.14, and numbers reported only."""

import numpy as np

from analysis.studies.claims import Claim, judged
from analysis.studies.hessian.runs import Measured


def of_2016(measured: Measured) -> list[Claim]:
    """Beside C3.14, and figure 9 of 2017: none of them was given a threshold."""
    return [
        *_starts(measured),
        *_noise(measured),
        *_descents(measured),
        *_pastur(measured),
    ]


def in_the_plane(measured: Measured) -> list[Claim]:
    """C3.14."""
    values = {
        std: [found["values"] for found in seeds]
        for std, seeds in measured.planar.items()
    }
    growth = [
        wide[0] / narrow[0]
        for wide, narrow in zip(values["1"], values["0.2"], strict=True)
    ]
    return [
        judged(
            "C3.14",
            "two clusters in the plane: two outliers at standard deviation 0.2"
            " (l2 / l3 >= 3)",
            "2 outliers",
            [found[1] / max(found[2], 1e-12) for found in values["0.2"]],
            lambda value: value >= 3,
        ),
        judged(
            "C3.14s",
            "l1 grows with the standard deviation, 0.2 to 1 (at least 10 times)",
            "77",
            growth,
            lambda value: value >= 10,
        ),
    ]


def _starts(measured: Measured) -> list[Claim]:
    """Figure 6 of 2016; its numbers are read off the histogram."""
    tops = np.array(measured.starts["largest"])
    low, middle, high = np.quantile(tops, (0.05, 0.5, 0.95))
    return [
        judged(
            "S4",
            f"{len(tops)} initialisations: spread of l1 (5 to 95 % of them, over the"
            " median)",
            "0.7",
            [float((high - low) / middle)],
        ),
        judged(
            "S4z",
            "and the fraction that ends flat (l1 < 0.1 x the median)",
            "few",
            [float((tops < 0.1 * middle).mean())],
        ),
    ]


def _noise(measured: Measured) -> list[Claim]:
    """Figure 2 of 2016: the widest quotient of neighbours among 5 to 30."""
    return [
        judged(
            "S2",
            f"{kind}: widest quotient of neighbours at the right edge (ranks 5 to 30)",
            {"images": "edge", "patterns": "none"}[kind],
            [_widest(found["final"])],
        )
        for kind, found in measured.noise.items()
    ]


def _widest(values: list[float]) -> float:
    """The largest l_r / l_(r+1) of ranks 5 to 30.

    >>> _widest([2.0] * 10 + [1.0] * 30)
    2.0
    """
    top = np.array(values[4:31])
    # Below, quotients are noise.
    top = np.maximum(top, 1e-6 * values[0])
    return float((top[:-1] / top[1:]).max())


def _descents(measured: Measured) -> list[Claim]:
    """Figure 8 of 2016: between gradient descent and SGD at the end of training."""
    words = {
        "one start": "GD and SGD from one initialisation: barrier between them (nats)",
        "two starts": "and from two initialisations",
    }
    apart = measured.descents["one start"]
    return [
        *(
            judged("S6", text, "flat" if pair == "one start" else "higher",
                   [_barrier(measured.descents[pair]["train_loss"][-1])])
            for pair, text in words.items()
        ),
        judged("S6d",
               "from one initialisation: distance between them over that from it",
               "", [apart["distance"][-1] / apart["travelled"][-1]]),
    ]  # fmt: skip


def _barrier(losses: list[float]) -> float:
    return max(losses) - max(losses[0], losses[-1])


def _pastur(measured: Measured) -> list[Claim]:
    """Figure 9 of paper 3."""
    one, two = measured.pastur["one"], measured.pastur["two"]
    return [
        judged(
            "F9",
            "logistic regression, one cluster: distance from Marchenko-Pastur's law",
            "fits",
            [found["distance"] for found in one],
        ),
        judged(
            "F9o",
            "two clusters: the outlier over the predicted one",
            "",
            [found["values"][0] / found["expected"] for found in two],
        ),
    ]
