import json
import re

import pytest
from tandem_serving.fold.program import Fold, FoldInput, Program, ProgramFeature, Rest, Slot
from tandem_serving.fold.steps import Step
from tandem_wire.errors import InvalidValue

GOLDEN = (
    b'{"chain":[{"in":["f:a","f:b"],"op":"concat","out":"v:h0"},'
    b'{"in":"v:h0","op":"reshape","out":"v:h1","width":3},'
    b'{"activation":"relu","bias":"s:2","in":"v:h1","kernel":"s:0","op":"dense","out":"v:h2"},'
    b'{"in":"v:h2","op":"reshape","out":"v:h3","width":8},'
    b'{"begin":2,"in":"v:h3","op":"slice","out":"v:h4","size":4},'
    b'{"in":["v:h4","v:h4"],"op":"dot","out":"v:h5"},{"in":["v:h5","s:1"],"op":"mul","out":"v:h6"},'
    b'{"in":"v:h6","op":"sigmoid","out":"v:ctr"}],"features":[{"name":"a","width":4},{"name":"b","width":2}],'
    b'"fold":{"graph":"fold.pb","inputs":[{"tensor":"weight_2:0","weight":2}],"outputs":["x:0"]},'
    b'"format":"tandem.program/1","no_chain_because":"","outputs":["ctr"],'
    b'"rest":{"features":["feature_0:0","feature_1:0"],"graph":"rest.pb","outputs":["out:0"],'
    b'"slots":["w0:0","w1:0","slot_2:0"]},'
    b'"slots":[{"name":"k","shape":[3,4],"weight":0},{"name":"s","shape":[],"weight":1},'
    b'{"fold":0,"name":"slot_2","shape":[4]}]}'
)
GRAPHS = {"fold.pb": b"F", "rest.pb": b"R"}

PROGRAM = Program(
    fold=Fold("fold.pb", (FoldInput("weight_2:0", 2),), ("x:0",)),
    slots=(Slot("k", (3, 4), weight=0), Slot("s", (), weight=1), Slot("slot_2", (4,), fold=0)),
    rest=Rest("rest.pb", ("feature_0:0", "feature_1:0"), ("w0:0", "w1:0", "slot_2:0"), ("out:0",)),
    features=(ProgramFeature("a", 4), ProgramFeature("b", 2)),
    outputs=("ctr",),
    chain=(
        Step("concat", ("f:a", "f:b"), "v:h0"),
        Step("reshape", ("v:h0",), "v:h1", width=3),
        Step("dense", ("v:h1",), "v:h2", "s:0", "s:2", "relu"),
        Step("reshape", ("v:h2",), "v:h3", width=8),
        Step("slice", ("v:h3",), "v:h4", begin=2, size=4),
        Step("dot", ("v:h4", "v:h4"), "v:h5"),
        Step("mul", ("v:h5", "s:1"), "v:h6"),
        Step("sigmoid", ("v:h6",), "v:ctr"),
    ),
    graphs=GRAPHS,
)


def test_its_bytes_stay():
    assert PROGRAM.files() == {"program.json": GOLDEN, **GRAPHS}
    assert Program.from_files({"program.json": GOLDEN, **GRAPHS, "model.json": b"of others"}) == PROGRAM


def put(*path_and_value):
    """A change of program.json: the value at a path; no value takes it away."""

    def change(body):
        *path, last, value = path_and_value
        for key in path:
            body = body[key]
        body[last] = value

    return change


def chain_of(*steps):
    return put("chain", [*steps, {"op": "slice", "in": "f:a", "begin": 0, "size": 1, "out": "v:ctr"}])


REFUSED = [
    ("another format", put("format", "tandem.program/2"), "format: must be 'tandem.program/1'"),
    ("an unknown field", put("extra", 1), "extra: is unknown here"),
    ("a slot of nothing", put("slots", 0, "weight", None), "slot 'k' must have exactly one of weight and fold"),
    ("a slot of both", put("slots", 0, "fold", 0), "slot 'k' must have exactly one of weight and fold"),
    ("a negative length", put("slots", 0, "shape", [-1, 4]), "shape: .* has a negative length"),
    ("a result twice", put("slots", 0, {"name": "k", "shape": [3, 4], "fold": 0}), r"slots: take \[0, 0\] of"),
    ("no fold for a slot", put("fold", None), "slots: take"),
    ("features of another count", put("features", []), "rest.features: has 2 entries, must have 0"),
    ("outputs of another count", put("outputs", ["ctr", "cvr"]), "rest.outputs: has 1 entries, must have 2"),
    ("a graph that is not there", put("rest", "graph", "other.pb"), "names other.pb, which is missing"),
    ("neither chain nor reason", put("chain", None), "no_chain_because: must be a sentence exactly where"),
    ("both chain and reason", put("no_chain_because", "x"), "no_chain_because: must be a sentence exactly where"),
    ("a chain that is no list", put("chain", {}), "chain: must be a list or null"),
    ("a step that is no object", put("chain", 0, 1), r"chain\[0\]: must be an object"),
    ("an unknown step", put("chain", 0, "op", "conv"), r"chain\[0\].op: must be one of concat, dense, .*not 'conv'"),
    ("an unknown field of a step", put("chain", 0, "axis", 1), r"chain\[0\].axis: is unknown in a step 'concat'"),
    ("a field of another step", put("chain", 0, "width", 1), r"chain\[0\].width: is unknown in a step 'concat'"),
    ("a field missing", put("chain", 1, "width", None), r"chain\[1\].width: is missing"),
    ("a field of another type", put("chain", 1, "width", "3"), r"chain\[1\].width: must be an integer"),
    (
        "true is no integer",
        lambda body: body["chain"][1].update(width=True),
        r"chain\[1\].width: must be an integer",
    ),
    ("another activation", put("chain", 2, "activation", "gelu"), "must be one of none, relu, sigmoid, not 'gelu'"),
    ("one input where two must be", put("chain", 5, "in", ["v:h4"]), r"chain\[5\].in: has 1 references; .* takes 2"),
    ("a list where one must be", put("chain", 1, "in", ["v:h0"]), r"chain\[1\].in: must be one reference"),
    ("one where a list must be", put("chain", 0, "in", "f:a"), r"chain\[0\].in: must be a list of references"),
    ("no input", put("chain", 0, "in", []), r"chain\[0\].in: has 0 references; .* takes at least one"),
    ("an output that is no value", put("chain", 0, "out", "h0"), r"chain\[0\].out: must be a value such as v:h1"),
    ("a value twice", put("chain", 1, "out", "v:h0"), r"chain\[1\].out: v:h0 was made before"),
    ("a value before it is made", put("chain", 0, "in", ["v:h3"]), r"chain\[0\].in: v:h3 is no feature and is made"),
    ("an unknown feature", put("chain", 0, "in", ["f:c"]), r"chain\[0\].in: f:c is no feature"),
    ("a slot that is not there", put("chain", 2, "kernel", "s:3"), "'s:3' is no slot; they are s:0 to s:2"),
    ("a slot before a value", put("chain", 6, "in", ["s:1", "v:h5"]), "s:1 is no feature"),
    ("a kernel of another width", put("chain", 1, "width", 2), r"s:0 has shape \[3, 4\]; v:h1 is 2 wide"),
    ("a bias of another width", put("slots", 2, "shape", [5]), r"s:2 has shape \[5\], must have \[4\]"),
    ("columns that are not there", put("chain", 4, "size", 7), "takes columns 2 to 9 of v:h3, which is 8 wide"),
    ("no columns", put("chain", 4, "size", 0), "takes columns 2 to 2"),
    ("rows that do not divide", put("chain", 1, "width", 5), "5 does not divide a sample of 6"),
    ("widths that do not fit", put("chain", 5, "in", ["v:h4", "v:h3"]), "do not fit: widths 4 and 8"),
    ("a slot that is no row", put("chain", 6, "in", ["v:h5", "s:0"]), r"s:0 has shape \[3, 4\]; it must be one row"),
    (
        "other rows side by side",
        chain_of(
            {"op": "reshape", "in": "f:a", "width": 2, "out": "v:r"},
            {"op": "concat", "in": ["v:r", "f:b"], "out": "v:x"},
        ),
        r"chain\[1\].in: have different rows per sample",
    ),
    ("an output that no step makes", put("chain", 7, "out", "v:cvr"), "no step makes v:ctr with one column"),
    ("an output of two columns", put("chain", 4, "out", "v:ctr"), "no step makes v:ctr|v:h4 is no feature"),
]


@pytest.mark.parametrize(("change", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(change, message):
    body = json.loads(GOLDEN)
    change(body)
    with pytest.raises(InvalidValue, match=message):
        Program.from_files({"program.json": json.dumps(body).encode(), **GRAPHS})


def test_missing_files_are_named():
    with pytest.raises(InvalidValue, match=re.escape("program.json is missing")):
        Program.from_files(GRAPHS)
    with pytest.raises(InvalidValue, match=re.escape("names fold.pb, which is missing")):
        Program.from_files({"program.json": GOLDEN, "rest.pb": b"R"})
