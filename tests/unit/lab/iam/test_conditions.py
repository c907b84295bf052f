"""Condition operators, with keys that are there, absent, many, or unknown."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.aws.iam import conditions
from lab.aws.iam.context import Context
from lab.aws.iam.errors import PolicyError, UnknownConditionKeyError

WORDS = st.sampled_from(["a", "b", "c", "A", "a*", ""])
POLICY_VALUES = st.lists(WORDS, min_size=1, max_size=3)
REQUEST_VALUES = st.one_of(st.none(), st.lists(WORDS, min_size=1, max_size=3, unique=True))


def holds(operator: str, values: Any, given: Any, key: str = "aws:x") -> bool:
    [condition] = conditions.parse({operator: {key: values}}, variables=True)
    return condition.holds(Context({"aws:x": given}))


@pytest.mark.parametrize(
    ("operator", "values", "given", "expected"),
    [
        ("StringEquals", "lab", "lab", True),
        ("StringEquals", ["lab", "prod"], "prod", True),
        ("StringEquals", "lab", "LAB", False),
        ("StringEquals", "l*", "lab", False),
        ("StringEquals", "lab", None, False),
        ("StringEqualsIfExists", "lab", None, True),
        ("StringEqualsIfExists", "lab", "prod", False),
        ("StringEqualsIgnoreCase", "lab", "LAB", True),
        ("StringNotEquals", "lab", "prod", True),
        ("StringNotEquals", ["lab", "prod"], "prod", False),
        ("StringNotEquals", "lab", None, True),
        ("StringLike", "l?b*", "laboratory", True),
        ("StringNotLike", "l*", "lab", False),
        ("ArnLike", "arn:aws:states:*:*:stateMachine:*", "arn:aws:states:eu-west-1:1:stateMachine:a", True),
        ("ArnEquals", "arn:aws:events:eu-west-1:1:rule/a", "arn:aws:events:eu-west-1:1:rule/a", True),
        ("ArnNotLike", "arn:aws:events:*:*:rule/*", None, True),
        ("Bool", "false", "true", False),
        ("Bool", True, "true", True),
        ("Bool", "false", None, False),
        ("Null", "true", None, True),
        ("Null", "true", "lab", False),
        ("Null", "false", "lab", True),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericLessThan", 10, "10", False),
        ("NumericNotEquals", 10, "11", True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
        ("ForAllValues:StringEquals", ["a"], None, True),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c", "b"], True),
        ("ForAnyValue:StringEquals", ["a"], ["c"], False),
        ("ForAnyValue:StringEquals", ["a"], None, False),
        ("ForAnyValue:StringNotEquals", ["a"], None, False),
        ("ForAllValues:StringLike", ["action*"], ["action", "actions"], True),
    ],
)
def test_operators(operator: str, values: Any, given: Any, expected: bool) -> None:
    assert holds(operator, values, given) is expected


@pytest.mark.parametrize(
    "operator",
    ["StringEqual", "stringEquals", "DateGreaterThan", "IpAddress", "ForSomeValues:StringEquals", "NullIfExists"],
)
def test_an_operator_that_is_not_built_is_an_error(operator: str) -> None:
    with pytest.raises(PolicyError, match=f"{operator} is not built"):
        holds(operator, "2026-01-01", "2026-01-01")


def test_a_key_of_which_nobody_knows_is_an_error_even_if_it_may_be_absent() -> None:
    for operator in ("StringEquals", "StringNotEquals", "StringEqualsIfExists", "Null", "ForAllValues:StringEquals"):
        with pytest.raises(UnknownConditionKeyError, match="aws:unheard"):
            holds(operator, "true", "x", key="aws:unheard")


def test_keys_compare_without_case_and_families_know_what_they_lack() -> None:
    [condition] = conditions.parse({"StringEquals": {"AWS:resourcetag/Quorate:Cluster": "lab"}}, variables=True)
    assert condition.holds(Context(families={"aws:ResourceTag/": {"quorate:cluster": "lab"}}))
    assert not condition.holds(Context(families={"aws:ResourceTag/": {}}))


def test_several_values_need_a_set_operator() -> None:
    with pytest.raises(PolicyError, match="ForAnyValue or ForAllValues"):
        holds("StringEquals", "a", ["a", "b"])


@given(POLICY_VALUES, REQUEST_VALUES)
def test_a_negated_operator_says_the_opposite(wanted: list[str], given: list[str] | None) -> None:
    if given is not None and len(given) > 1:
        given = given[:1]
    for operator in ("StringEquals", "StringLike", "StringEqualsIgnoreCase"):
        negated = operator.replace("String", "StringNot")
        assert holds(operator, wanted, given) != holds(negated, wanted, given)


@given(POLICY_VALUES, REQUEST_VALUES)
def test_all_and_any_are_each_others_mirror(wanted: list[str], given: list[str] | None) -> None:
    for operator, negated in (("StringEquals", "StringNotEquals"), ("StringLike", "StringNotLike")):
        assert holds(f"ForAllValues:{operator}", wanted, given) != holds(f"ForAnyValue:{negated}", wanted, given)


@given(POLICY_VALUES, REQUEST_VALUES)
def test_the_order_of_values_decides_nothing(wanted: list[str], given: list[str] | None) -> None:
    for operator in ("ForAllValues:StringLike", "ForAnyValue:StringNotEquals"):
        answers = {
            holds(operator, list(first), list(second) if given else None)
            for first in itertools.permutations(wanted)
            for second in itertools.permutations(given or [])
        }
        assert len(answers) == 1
