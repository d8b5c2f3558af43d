import pytest
from tandem_training.entrypoint import load_model
from tandem_training.errors import UserError


def test_builds():
    model = load_model("tandem_training.models.ctr_cvr:build", {}, ["ctr", "cvr"])
    assert model.tasks == ("ctr", "cvr")


@pytest.mark.parametrize(
    ("entrypoint", "message"),
    [
        ("tandem_training.models.ctr_cvr", "must have the form"),
        (":build", "must have the form"),
        ("no_such_package.model:build", "importing no_such_package.model failed"),
        ("tandem_training.models.ctr_cvr:bild", "has no function bild"),
        ("tandem_training.models.ctr_cvr:DEFAULT_FEATURES", "has no function DEFAULT_FEATURES"),
    ],
)
def test_unknown(entrypoint, message):
    with pytest.raises(UserError, match=message) as caught:
        load_model(entrypoint, {}, ["ctr"])
    assert caught.value.reason == "UnknownEntrypoint"
