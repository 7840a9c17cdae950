"""What the masks of several runs have in common, in words and tables."""

from typing import Any

from landscape.tables import format_table


def overlaps(pairs: list[dict[str, Any]]) -> str:
    """A table and a verdict for each pair, and what their first masks had in common."""
    parts = []
    for pair in pairs:
        rows = [
            [
                row["layer"], f"{row['first']:,}", f"{row['second']:,}",
                f"{row['common']:,}", f"{row['expected']:,.1f}",
                f"{row['deviation']:.1f}", f"{row['jaccard']:.4f}",
                f"{row['chance_jaccard']:.4f}", f"{row['fraction']:.4f}",
                f"{row['chance_fraction']:.4f}",
            ]
            for row in pair["layers"]
        ]  # fmt: skip
        head = [
            "layer", "first", "second", "common", "chance", "+-", "Jaccard", "chance",
            "fraction", "chance",
        ]  # fmt: skip
        total = pair["layers"][-1]
        parts.append(
            f"Masks of {pair['runs'][0]} (first) and {pair['runs'][1]} (second):\n"
            f"{format_table(head, rows)}\n{_verdict(total)}"
        )
        if pair["start"] is not None:
            parts[-1] += f"\n{_start(pair['start'])}"
    parts[-1] += (
        "\nChance: of a random mask with as many weights in each layer, +- its standard"
        " deviation. Fraction: of the kept weights of the smaller mask."
    )
    return "\n\n".join(parts)


def _verdict(total: dict[str, Any]) -> str:
    if total["common"] == total["first"] == total["second"]:
        return "The masks are the same."
    if not total["deviation"]:
        return "One of the masks keeps everything."
    off = (total["common"] - total["expected"]) / total["deviation"]
    if abs(off) <= 3:
        return f"They have as much in common as chance gives ({off:+.1f} deviations)."
    more = "more" if off > 0 else "less"
    return f"They have {more} in common than chance gives ({off:+.0f} deviations)."


def _start(start: dict[str, Any]) -> str:
    """What masks had in common at step 0, and whether that is of their seed."""
    text = (
        f"At step 0 their masks had {start['common']:,} weights in common (Jaccard"
        f" {start['jaccard']:.4f}, by chance {start['chance_jaccard']:.4f})"
    )
    same = start["common"] == start["first"] == start["second"]
    if start["one_seed"]:
        return (
            f"{text}: runs of one seed start from the same random mask, so what they"
            " have in common now is in part what was never replaced. Only runs of"
            " different --seed tell whether training finds the same weights."
        )
    if same:
        return f"{text}: they start from the same mask, not each from its own."
    return f"{text}."
