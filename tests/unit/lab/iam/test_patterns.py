"""Wildcards and policy variables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.aws.iam import patterns
from lab.aws.iam.context import Context
from lab.aws.iam.errors import PolicyError, UnknownConditionKeyError
from lab.aws.iam.patterns import ArnPattern, UnresolvedVariable

LETTERS = st.text(alphabet="ab*?.[$", max_size=8)
VALUES = st.text(alphabet="ab*?.[$\n", max_size=8)


def globbed(pattern: str, value: str) -> bool:
    """The same question, answered letter by letter."""
    if not pattern:
        return not value
    if pattern[0] == "*":
        return any(globbed(pattern[1:], value[skipped:]) for skipped in range(len(value) + 1))
    return bool(value) and pattern[0] in ("?", value[0]) and globbed(pattern[1:], value[1:])


@given(LETTERS, VALUES)
def test_a_pattern_matches_as_letters_do(pattern: str, value: str) -> None:
    assert patterns.glob(pattern).matches(value) == globbed(pattern, value)


@given(VALUES)
def test_what_is_exact_matches_itself_alone(value: str) -> None:
    assert patterns.exact(value).matches(value)
    assert not patterns.exact(value).matches(value + "a")


def test_actions_compare_without_case() -> None:
    assert patterns.action("S3:get*").matches("s3:GetObject")
    assert not patterns.action("s3:Get*").matches("s3:PutObject")


@pytest.mark.parametrize(
    ("pattern", "resource", "matches"),
    [
        ("arn:aws:s3:::bucket/nodes/*", "arn:aws:s3:::bucket/nodes/i-1/a:b.json", True),
        ("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket", False),
        ("arn:aws:ec2:*:*:instance/*", "arn:aws:ec2:eu-west-1:123456789012:instance/i-1", True),
        ("arn:aws:sns:*:topic", "arn:aws:sns:eu-west-1:123456789012:topic", True),
        ("arn:aws:sns:eu-*-1:123456789012:topic", "arn:aws:sns:eu-west-1:123456789012:topic", True),
        ("arn:aws:sns:eu-*1:topic", "arn:aws:sns:eu-west-1:123456789011:topic", False),
        ("arn:aws:sqs:eu-west-1:12345678901?:queue", "arn:aws:sqs:eu-west-1:123456789012:queue", True),
        ("arn:aws:sqs:eu-west-1:123456789012?queue", "arn:aws:sqs:eu-west-1:123456789012:queue", False),
        (
            "arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:*:autoScalingGroupName/quorate-lab-servers",
            "arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:0-1:autoScalingGroupName/quorate-lab-servers",
            True,
        ),
    ],
)
def test_a_star_crosses_colons_where_it_ends_its_segment(pattern: str, resource: str, matches: bool) -> None:
    assert patterns.resource(pattern).matches(resource) is matches


def test_variables_take_the_requests_values_literally() -> None:
    mine = patterns.resource("arn:aws:s3:::bucket/${aws:PrincipalTag/team}/*", variables=True)
    assert mine.matches("arn:aws:s3:::bucket/red/x", Context(families={"aws:PrincipalTag/": {"team": "red"}}))
    assert not mine.matches("arn:aws:s3:::bucket/red/x", Context(families={"aws:PrincipalTag/": {"team": "*"}}))
    with pytest.raises(UnresolvedVariable):
        mine.matches("arn:aws:s3:::bucket/red/x", Context(families={"aws:PrincipalTag/": {}}))
    with pytest.raises(UnknownConditionKeyError):
        mine.matches("arn:aws:s3:::bucket/red/x", Context())


def test_a_variable_may_have_a_default_and_signs_may_stand_for_themselves() -> None:
    absent = Context({"aws:username": None})
    assert patterns.glob("${aws:username, 'nobody'}-*", variables=True).matches("nobody-1", absent)
    assert patterns.glob("a${*}b${?}${$}", variables=True).matches("a*b?$", absent)
    assert not patterns.glob("a${*}b", variables=True).matches("axb", absent)


def test_older_versions_have_no_variables() -> None:
    assert patterns.glob("${aws:username}").matches("${aws:username}")


def test_parts_of_arns_are_compared_one_by_one() -> None:
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:quorate-lab-node_launch"
    assert ArnPattern("arn:aws:states:*:*:stateMachine:*").matches(arn)
    assert not ArnPattern("arn:aws:*:stateMachine:a:b:*").matches(arn)
    assert not ArnPattern("arn:aws:states:eu-west-1:123456789012:activity:*").matches(arn)
    with pytest.raises(PolicyError, match="not an ARN"):
        ArnPattern("arn:aws:states:*")
