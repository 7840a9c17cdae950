"""The table of claims that every study prints."""

import statistics

from analysis.studies.claims import Claim, judged, verdict_table
from landscape.tables import spread


def test_spread_is_mean_and_sample_deviation():
    values = [0.1, 0.4, 0.7, 1.9]
    mean, deviation = statistics.mean(values), statistics.stdev(values)
    assert spread(values) == f"{mean:.3g} +- {deviation:.3g}"


def test_a_value_that_is_not_finite_is_shown():
    assert spread([1.0, float("nan")]) == "1, nan"


def test_the_table_says_which_claims_hold_and_how_many():
    claims = [
        Claim("C1", "a is above b", [1.0, 2.0], "1.4", True),
        Claim("C2", "c vanishes", [0.5], "", False),
        Claim("C3", "how large d is", [3.0], "2", None),
    ]
    text = verdict_table(claims)
    first, second, third = text.splitlines()[2:5]
    assert "1.5 +- 0.707" in first and first.endswith("holds")
    assert "DOES NOT HOLD" in second and "reported" in third
    assert text.endswith("1 of 2 claims hold.")


def test_what_is_not_known_decides_nothing():
    """A NaN is smaller than nothing, but that is no evidence against a claim."""
    claims = [
        judged("C1", "small", "", [0.5, None], lambda v: v < 1, "no edge"),
        judged("C2", "small", "", [float("nan")], lambda v: v < 1),
        judged("C3", "small", "", [2.0, None], lambda v: v < 1, "no edge"),
        judged("C4", "small", "", [0.5], lambda v: v < 1, "no edge"),
    ]
    assert [c.holds for c in claims] == [None, None, False, True]
    first, second, *_ = verdict_table(claims).splitlines()[2:]
    assert "0.5, 1 not known  1 of 2" in first and first.endswith("not decided")
    assert "nan" in second and second.endswith("not decided")
    *_, count, reason, other = verdict_table(claims).splitlines()
    assert count == "1 of 2 claims hold." and reason == "C1 is not decided: no edge."
    assert other == "C2 is not decided: the number is not known for every seed."
