"""The table of claims that every study prints."""

import statistics

from analysis.studies.claims import Claim, verdict_table
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
