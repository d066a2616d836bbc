"""A selector names one view of the fleet, or an error says what to write."""

import pytest

from fog_aggregator.history.routing import Level, NodeOwn, Routed, Subtree, Whole, route
from fog_aggregator.promql import BadQueryError, parse
from fog_aggregator.promql.language.tree import Selector


def routed(selector: str) -> Routed:
    """Route a selector as a person writes it."""
    tree = parse(selector)
    assert isinstance(tree, Selector)
    return route(tree.matchers)


def left(found: Routed) -> list[str]:
    """Write the conditions that are left for the series."""
    return [str(matcher) for matcher in found.matchers_left]


def test_no_label_of_the_fog_is_the_whole() -> None:
    """The whole has every condition left, an absent label of the fog's is none, and a value that is empty is absent."""
    found = routed('x{a="b", c=~"d.*", fog_path="", fog_level="", fog_node=""}')
    assert found.view == Whole()
    assert left(found) == ['a="b"', 'c=~"d.*"', '__name__="x"']


def test_a_level_and_its_groups() -> None:
    """A level is named by equality; conditions on the path, patterns too, choose its groups."""
    assert routed('x{fog_level="2"}').view == Level(2)
    found = routed('x{fog_level="2", fog_path=~"fog/0/.*", fog_path!="fog/0/1", a="b"}')
    assert left(found) == ['a="b"', '__name__="x"']
    assert isinstance(found.view, Level)
    assert found.view.under is None
    shown = [found.view.shows(path) for path in (("fog", "0", "2"), ("fog", "0", "1"), ("fog", "1", "1"))]
    assert shown == [True, False, False]


def test_a_level_with_one_path() -> None:
    """An equality names the one group; the empty value names none, as every group has a path."""
    one = routed('x{fog_level="1", fog_path="fog/0"}').view
    assert isinstance(one, Level)
    assert one.under == ("fog", "0")
    assert one.shows(("fog", "0"))
    assert not one.shows(("fog", "1"))
    none = routed('x{fog_level="1", fog_path=""}').view
    assert isinstance(none, Level)
    assert not none.shows(("fog", "0"))


def test_a_subtree_and_a_node() -> None:
    """A path alone is a subtree, and a node stands alone; the series carry the label that named them."""
    subtree, node = routed('x{fog_path="fog/0"}'), routed('x{fog_node="fog/0/3", a="b"}')
    assert subtree.view == Subtree(("fog", "0"))
    assert node.view == NodeOwn(("fog", "0", "3"))
    assert left(node) == ['a="b"', '__name__="x"']
    assert Subtree(("fog", "0")).labels == (("fog_path", "fog/0"),)
    assert NodeOwn(("fog", "0")).labels == (("fog_node", "fog/0"),)
    assert Whole().labels == ()


def test_the_same_condition_twice_is_one() -> None:
    """A condition that a client writes twice, as Grafana's filters do, is not an error."""
    assert routed('x{fog_path="fog/0", fog_path="fog/0"}').view == Subtree(("fog", "0"))


def test_the_aggregators_own_metrics_are_of_the_whole() -> None:
    """Their labels stay conditions on series, except for coverage, which each view has."""
    found = routed('fog_aggregator_silent{fog_path=~"fog/.*"}')
    assert found.view == Whole()
    assert 'fog_path=~"fog/.*"' in left(found)
    assert routed('fog_aggregator_nodes{fog_level="1", state="live"}').view == Level(1)


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ('x{fog_path=~"fog/.*"}', 'fog_path=~"fog/.*" names no view: give one value by equality, as in fog_path="fog'),
        ('x{fog_path=~"fog/.*"}', 'a pattern of fog_path needs a level, as in fog_level="1", fog_path=~"fog/.*"'),
        ('x{fog_path!="fog/0"}', "by equality"),
        ('x{fog_path!=""}', "by equality"),
        ('x{fog_path="a", fog_path="b"}', 'fog_path="a", fog_path="b" names no view'),
        ('x{fog_path="fog//0"}', "is empty"),
        ('x{fog_path="/fog/0"}', 'write the path without a slash at its ends, "fog/0"'),
        ('x{fog_path="fog 0"}', "'fog 0' is not allowed"),
        ('x{fog_level=~"1|2"}', "ask for one level at a time"),
        ('x{fog_level="01"}', 'fog_level="01" is no level'),
        ('x{fog_level="-1"}', 'fog_level="-1" is no level'),
        ('x{fog_level="²"}', 'fog_level="²" is no level'),
        ('x{fog_level="16"}', "write a whole number below 16"),
        ('x{fog_level="99999999999999999999999999"}', "is no level"),
        ('x{fog_level="1", fog_path="a//b"}', "is empty"),
        ('x{fog_node=~"fog/.*"}', 'fog_node="fog/0/3"'),
        ('x{fog_node="fog/0", fog_path="fog"}', "fog_node stands alone"),
        ('x{fog_node="fog/0", fog_level="1"}', "fog_node stands alone"),
    ],
)
def test_what_names_no_view(selector: str, words: str) -> None:
    """The error is one of the query's text, and says what to write."""
    with pytest.raises(BadQueryError) as raised:
        routed(selector)
    assert words in str(raised.value)
