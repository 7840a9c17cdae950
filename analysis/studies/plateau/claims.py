"""What was expected of the ablation, and what was found.

All expectations and thresholds were set before anything was measured; the half below
chance, only reported, was added when lines were seen to begin far above it. Of the
paper's network: half of the cross-entropy is lost at t = 0.65 or later; of perceptrons
with three layers, by the study of paper 1, at 0.2.
"""

from collections.abc import Callable

from analysis.studies.claims import Claim, judged
from analysis.studies.plateau.runs import Measured
from analysis.studies.plateau.scales import FACTORS, NETWORKS, PLAIN, WHOLE

SHIFT = 0.1
"""Of t: what makes the plateau moves its end by at least as much."""
EXPECTED = {
    "shallow": True,
    "no sums": False,
    "no norm": True,
    "two classes": False,
    "no decay": True,
}
"""Whether the plateau was expected to become shorter without it."""
NOTES = """\
Numbers are mean +- standard deviation over seeds. Half: the t, on the straight line
from the initial to the trained weights, at which half of the fall of the cross-entropy
(training examples, batch statistics) has happened. Below chance: of the fall below
ln(classes), the loss of equal logits. Norm: of all trained kernels over that of the
initial ones."""


def claims(measured: Measured) -> list[Claim]:
    """All of them; see the module."""
    halves = _halves(measured)
    found = [
        _end(WHOLE, "a plateau: half after t = 0.5", halves, lambda t: t > 0.5),
        _end(PLAIN, "no plateau: half before t = 0.5", halves, lambda t: t < 0.5),
    ]
    for name, factor in FACTORS.items():
        shifts = shifts_of(halves, name)
        if EXPECTED[name]:
            words = f"without {factor} it is shorter (by at least {SHIFT:g} in t)"
            claim = judged("", words, "", shifts, lambda t: t >= SHIFT)
        else:
            words = f"without {factor} it is not (by less than {SHIFT:g} in t)"
            claim = judged("", words, "", shifts, lambda t: t < SHIFT)
        found.append(claim._replace(name=f"A-{name.replace(' ', '-')}"))
    for name in NETWORKS:
        lines = measured.lines[name]
        for what, key in (
            ("half at t", "half"),
            ("half below chance at t", "below_chance"),
            ("norm", "norms"),
        ):
            values = [line[key] for line in lines]
            found.append(judged("-", f"{measured.networks[name]}: {what}", "", values))
    return found


def shifts_of(halves: dict[str, list[float]], name: str) -> list[float]:
    """How much earlier half is lost in a network than in the whole one, each seed."""
    return [a - b for a, b in zip(halves[WHOLE], halves[name], strict=True)]


def sentence(measured: Measured) -> str:
    """Without which factors the plateau is shorter or longer, in all seeds."""
    halves = _halves(measured)
    shifts = {factor: shifts_of(halves, name) for name, factor in FACTORS.items()}
    shorter = [f for f, found in shifts.items() if min(found) >= SHIFT]
    longer = [f for f, found in shifts.items() if max(found) <= -SHIFT]
    least, most = min(halves[WHOLE]), max(halves[WHOLE])
    return (
        f"The whole network loses half at t = {least:.2f} to {most:.2f}; in all seeds"
        f" earlier (by {SHIFT:g}) without: {', '.join(shorter) or 'nothing'}; later"
        f" without: {', '.join(longer) or 'nothing'}."
    )


def _halves(measured: Measured) -> dict[str, list[float]]:
    return {
        name: [line["half"] for line in lines] for name, lines in measured.lines.items()
    }


def _end(
    name: str, words: str, halves: dict[str, list[float]], holds: Callable
) -> Claim:
    return judged(f"A-{name}", f"{name} network: {words}", "", halves[name], holds)
