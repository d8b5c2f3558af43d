"""The order in which sides are measured."""

from bench.rounds import alternate, interleave


def test_sides_take_turns_and_no_side_always_follows_the_same():
    asked = []

    def side(name):
        def run(number):
            asked.append((name, number))
            return float(len(asked))

        return run

    values = interleave({name: side(name) for name in "abc"}, 2)
    assert asked == [("a", 0), ("b", 0), ("c", 0), ("c", 1), ("b", 1), ("a", 1)]
    assert values == {"a": [1.0, 6.0], "b": [2.0, 5.0], "c": [3.0, 4.0]}


def test_pairs_change_their_order():
    asked = []

    def phase(name):
        def run():
            asked.append(name)
            return float(len(asked))

        return run

    assert alternate(phase("quiet"), phase("busy"), 2) == [(1.0, 2.0), (4.0, 3.0)]
    assert asked == ["quiet", "busy", "busy", "quiet"]
