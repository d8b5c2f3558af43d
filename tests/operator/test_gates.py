"""What gates say of a candidate."""

from datetime import timedelta

from tandem_operator.api import Gates
from tandem_operator.gates import Verdict, failure, judge
from tandem_wire.records import Window

from tests.operator.builders import HOUR, NOW, base, table

AUC = Gates.model_validate({"auc": {"maxDrop": "0.002"}})
CALIBRATION = Gates.model_validate({"calibration": {"maxDrift": "10%"}})
NONE = Gates()


def window(auc: float | None = 0.7, hours: int = 0, samples: int = 1000, **changes) -> Window:
    start = NOW - timedelta(hours=hours)
    known = {"task": "ctr", "start": start, "end": start + HOUR, "samples": samples, "positives": samples // 4}
    return Window(**{**known, "auc": auc, "loss": 0.4, "predicted": 0.25, **changes})


P, F, W = Verdict.PASSED, Verdict.FAILED, Verdict.WAITING


@table(
    "gates candidate current expected",
    [
        ("nothing asked: the export only", NONE, base(1), (), {"export": P}),
        ("a manifest that cannot be read", NONE, base(1, fault="checkpoints/1: torn"), (), {"export": F}),
        ("sizes not compared yet", NONE, base(1, checked=False), (), {"export": W}),
        ("a loss that is no number", NONE, base(1, windows=(window(loss=float("nan")),)), (), {"export": F}),
        ("as good", AUC, base(1, windows=(window(0.7),)), (window(0.7),), {"export": P, "auc.ctr": P}),
        ("a little worse", AUC, base(1, windows=(window(0.699),)), (window(0.7),), {"export": P, "auc.ctr": P}),
        ("too much worse", AUC, base(1, windows=(window(0.69),)), (window(0.7),), {"export": P, "auc.ctr": F}),
        ("better", AUC, base(1, windows=(window(0.8),)), (window(0.7),), {"export": P, "auc.ctr": P}),
        ("no common window", AUC, base(1, windows=(window(0.1, 2),)), (window(0.7),), {"export": P, "auc.ctr": W}),
        (
            "too few samples",
            AUC,
            base(1, windows=(window(0.1, samples=100),)),
            (window(0.7, samples=100),),
            {"export": P, "auc.ctr": W},
        ),
        ("one class only", AUC, base(1, windows=(window(None),)), (window(0.7),), {"export": P, "auc.ctr": W}),
        (
            "weighted by samples over windows",
            AUC,
            base(1, windows=(window(0.69, 1, 1000), window(0.75, 2, 9000))),
            (window(0.70, 1, 1000), window(0.70, 2, 9000)),
            {"export": P, "auc.ctr": P},
        ),
        (
            "each task by itself",
            AUC,
            base(1, windows=(window(0.7), window(0.5, task="cvr"))),
            (window(0.7), window(0.7, task="cvr")),
            {"export": P, "auc.ctr": P, "auc.cvr": F},
        ),
        ("calibrated", CALIBRATION, base(1, windows=(window(),)), (), {"export": P, "calibration.ctr": P}),
        (
            "not calibrated",
            CALIBRATION,
            base(1, windows=(window(predicted=0.3),)),
            (),
            {"export": P, "calibration.ctr": F},
        ),
        (
            "calibration of too few positives",
            CALIBRATION,
            base(1, windows=(window(positives=3),)),
            (),
            {"export": P, "calibration.ctr": W},
        ),
    ],
)
def test_verdicts(gates, candidate, current, expected):
    found = judge(gates, candidate, current)
    assert {gate.name: gate.verdict for gate in found} == expected
    assert all(gate.message for gate in found)
    assert (failure(found) is not None) == (F in expected.values())
