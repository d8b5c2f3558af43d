import pytest
from tandem_operator.api.spec import Spec

from e2e.demo.model import Plan, online_model


@pytest.mark.parametrize("plan", [Plan(), Plan(handoff="Pause", replicas=1, swap_every=300)])
def test_the_operator_takes_the_spec(plan):
    made = online_model(plan)
    spec = Spec.model_validate(made["spec"])
    assert spec.mode == "Promotion"
    assert spec.promotion.swap_every.total_seconds() == plan.swap_every
    assert spec.serving.replicas == plan.replicas
    assert {stream.task.value for stream in spec.streams} == {"ctr", "cvr"}
