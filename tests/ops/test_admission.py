import pytest
import tandem_ops as ops
from tandem_ops.admission import Admission


@pytest.mark.parametrize(
    ("rule", "kind", "options"),
    [
        (ops.Every(), "every", {}),
        (ops.Bernoulli(0.25), "bernoulli", {"confidence": 0.25}),
        (ops.CountAtLeast(3), "count", {"threshold": 3, "horizon": 0, "sketch_bytes": 2**22}),
        (
            ops.Poisson(10, 3600),
            "poisson",
            {"threshold": 10, "horizon": 3600, "ends_at": 0, "confidence": 0.2, "sketch_bytes": 2**22},
        ),
        (
            ops.GammaPoisson(2, ends_at=2**32 - 1, confidence=0, sketch_bytes=1),
            "gamma_poisson",
            {"threshold": 2, "horizon": 0, "ends_at": 2**32 - 1, "confidence": 0, "sketch_bytes": 1},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_core_is_told(rule, kind, options):
    assert isinstance(rule, Admission)
    assert (rule.kind, rule.options()) == (kind, options)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ops.Bernoulli(0.0), "Bernoulli.probability must be above 0"),
        (lambda: ops.Bernoulli(1.5), "at most 1, not 1.5"),
        (lambda: ops.Bernoulli(float("nan")), "not nan"),
        (lambda: ops.CountAtLeast(0), "CountAtLeast.threshold must be a whole number in 1 … 1000000, not 0"),
        (lambda: ops.CountAtLeast(10**6 + 1), "threshold"),
        (lambda: ops.CountAtLeast(2, horizon=-1), "horizon must be a whole number in 0 … 4294967295, not -1"),
        (lambda: ops.CountAtLeast(2, sketch_bytes=0), "sketch_bytes"),
        (lambda: ops.CountAtLeast(2.5), "whole number in 1 … 1000000, not 2.5"),  # type: ignore[arg-type]
        (lambda: ops.CountAtLeast(float("nan")), "not nan"),  # type: ignore[arg-type]
        (lambda: ops.Poisson(10), "Poisson needs a horizon, or ends_at"),
        (lambda: ops.GammaPoisson(10), "GammaPoisson needs a horizon, or ends_at"),
        (lambda: ops.Poisson(10, 2**32), "Poisson.horizon"),
        (lambda: ops.Poisson(10, 60, ends_at=-5), "Poisson.ends_at"),
        (lambda: ops.GammaPoisson(10, 60, confidence=1.01), "GammaPoisson.confidence"),
        (lambda: ops.GammaPoisson(10, 60, confidence=float("nan")), "GammaPoisson.confidence"),
        (lambda: ops.GammaPoisson(10, 60, sketch_bytes=2**41), "GammaPoisson.sketch_bytes"),
    ],
)
def test_impossible_rules_are_refused(make, says):
    with pytest.raises(ops.BadConfiguration, match=says):
        make()


def test_rules_are_values():
    assert ops.Poisson(10, 60) == ops.Poisson(10, 60) != ops.GammaPoisson(10, 60)
    assert len({ops.Every(), ops.Every(), ops.CountAtLeast(2)}) == 2
