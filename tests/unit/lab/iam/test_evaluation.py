"""AWS's rule for one account: its own examples, and what must hold of any policy."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.aws.iam.context import Context
from lab.aws.iam.errors import PolicyError, UnknownConditionKeyError
from lab.aws.iam.evaluation import Identity, Request, Verdict, evaluate
from lab.aws.iam.policy import parse
from tests.unit.lab.iam.asking import ACCOUNT, CARLOS, ROLE, SESSION, allow, decide, deny, policies, verdict

BUCKET = "arn:aws:s3:::carlossalazar-logs"

# IAM user guide, "Policy evaluation for requests within a single account", the example with Carlos's logs.
CARLOS_OWN = (
    allow(["s3:GetBucketLocation", "s3:ListAllMyBuckets"], "*", Sid="AllowS3ListRead"),
    allow("s3:*Object*", [BUCKET, f"{BUCKET}/*"], Sid="AllowS3Self"),
    deny("s3:*", "arn:aws:s3:::*log*", Sid="DenyS3Logs"),
)
OF_BUCKET = (allow("s3:*", [f"{BUCKET}/*", BUCKET], Principal={"AWS": ROLE}),)


def test_carlos_may_not_save_to_his_logs_because_a_deny_overrides_both_allows() -> None:
    asked = ("s3:PutObject", f"{BUCKET}/file")
    assert verdict(*asked, *CARLOS_OWN, on_resource=OF_BUCKET) is Verdict.DENIED_BY_IDENTITY
    assert verdict(*asked, *CARLOS_OWN[:2], on_resource=OF_BUCKET) is Verdict.ALLOWED


def test_one_allow_of_either_kind_is_enough() -> None:
    asked = ("s3:PutObject", f"{BUCKET}/file")
    assert verdict(*asked, on_resource=OF_BUCKET) is Verdict.ALLOWED
    assert verdict(*asked, *CARLOS_OWN[1:2]) is Verdict.ALLOWED
    assert verdict(*asked) is Verdict.NOT_ALLOWED_BY_IDENTITY


def test_a_deny_on_the_resource_overrides_the_identitys_allow() -> None:
    no_plain_text = deny(
        "s3:*", [BUCKET, f"{BUCKET}/*"], Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}}
    )
    asked: dict[str, Any] = {"on_resource": (no_plain_text,)}
    assert (
        verdict("s3:GetObject", f"{BUCKET}/x", allow("s3:*"), aws__SecureTransport="true", **asked) is Verdict.ALLOWED
    )
    assert (
        verdict("s3:GetObject", f"{BUCKET}/x", allow("s3:*"), aws__SecureTransport="false", **asked)
        is Verdict.DENIED_BY_RESOURCE
    )


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("*", Verdict.ALLOWED),
        ({"AWS": "*"}, Verdict.ALLOWED),
        ({"AWS": [ROLE, "arn:aws:iam::123456789012:role/other"]}, Verdict.ALLOWED),
        ({"AWS": SESSION}, Verdict.ALLOWED),
        ({"AWS": "arn:aws:iam::123456789012:role/other"}, Verdict.NOT_ALLOWED_BY_IDENTITY),
        ({"AWS": "arn:aws:iam::123456789012:root"}, Verdict.NOT_ALLOWED_BY_IDENTITY),
        ({"AWS": ACCOUNT}, Verdict.NOT_ALLOWED_BY_IDENTITY),
        ({"Service": "events.amazonaws.com"}, Verdict.NOT_ALLOWED_BY_IDENTITY),
    ],
)
def test_who_a_resources_policy_means(principal: Any, expected: Verdict) -> None:
    assert verdict("sqs:SendMessage", "*", on_resource=(allow("sqs:*", Principal=principal),)) is expected


def test_a_service_comes_in_by_the_resources_policy_alone() -> None:
    rule = "arn:aws:events:eu-west-1:123456789012:rule/a"
    events = Identity(service="events.amazonaws.com")
    let_in = allow(
        "sqs:SendMessage",
        Principal={"Service": "events.amazonaws.com"},
        Condition={"ArnEquals": {"aws:SourceArn": rule}},
    )
    asked = ("sqs:SendMessage", "arn:aws:sqs:eu-west-1:123456789012:dead")
    for source, expected in ((rule, Verdict.ALLOWED), (rule + "b", Verdict.NOT_ALLOWED_BY_RESOURCE)):
        given: dict[str, Any] = {"aws__SourceArn": source, "identity": events}
        assert verdict(*asked, on_resource=(let_in,), **given) is expected


class TestKeys:
    """KMS developer guide, "Key policies": without the key's policy, no other counts."""

    asked = ("kms:Decrypt", "arn:aws:kms:eu-west-1:123456789012:key/1")
    account = allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})

    def test_the_account_in_the_keys_policy_lets_the_accounts_own_policies_decide(self) -> None:
        policy: dict[str, Any] = {"on_resource": (self.account,), "resource_decides": True}
        assert verdict(*self.asked, allow("kms:Decrypt"), **policy) is Verdict.ALLOWED
        assert verdict(*self.asked, allow("kms:Encrypt"), **policy) is Verdict.NOT_ALLOWED_BY_IDENTITY

    def test_without_it_they_count_for_nothing(self) -> None:
        only_sign = {**self.account, "Action": "kms:Sign"}
        for policy in ((), (only_sign,)):
            refused = verdict(*self.asked, allow("kms:*"), on_resource=policy, resource_decides=True)
            assert refused is Verdict.NOT_ALLOWED_BY_RESOURCE

    def test_the_role_in_the_keys_policy_is_enough(self) -> None:
        role = allow("kms:Decrypt", Principal={"AWS": ROLE})
        assert verdict(*self.asked, on_resource=(role,), resource_decides=True) is Verdict.ALLOWED

    def test_a_condition_of_the_service_that_uses_it(self) -> None:
        through = {"StringEquals": {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"}}
        policy: dict[str, Any] = {"on_resource": (self.account,), "resource_decides": True}
        own = allow("kms:Decrypt", Condition=through)
        via = "secretsmanager.eu-west-1.amazonaws.com"
        assert verdict(*self.asked, own, kms__ViaService=via, **policy) is Verdict.ALLOWED
        assert verdict(*self.asked, own, kms__ViaService=None, **policy) is Verdict.NOT_ALLOWED_BY_IDENTITY


def test_not_action_and_not_resource() -> None:
    all_but_iam = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    assert verdict("s3:GetObject", "*", all_but_iam) is Verdict.ALLOWED
    assert verdict("iam:PassRole", "*", all_but_iam) is Verdict.NOT_ALLOWED_BY_IDENTITY
    elsewhere = {"Effect": "Deny", "Action": "s3:*", "NotResource": [BUCKET, f"{BUCKET}/*"]}
    assert verdict("s3:GetObject", f"{BUCKET}/x", allow("s3:*"), elsewhere) is Verdict.ALLOWED
    assert verdict("s3:GetObject", "arn:aws:s3:::other/x", allow("s3:*"), elsewhere) is Verdict.DENIED_BY_IDENTITY


def test_leading_keys_hold_a_role_to_its_partitions() -> None:
    own = allow("dynamodb:*", Condition={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["action", "lease*"]}})
    asked = ("dynamodb:TransactWriteItems", "arn:aws:dynamodb:eu-west-1:123456789012:table/t")
    assert verdict(*asked, own, dynamodb__LeadingKeys=["action", "lease"]) is Verdict.ALLOWED
    assert verdict(*asked, own, dynamodb__LeadingKeys=["action", "formation"]) is Verdict.NOT_ALLOWED_BY_IDENTITY


def test_a_command_needs_the_clusters_tag_on_the_instance() -> None:
    ours = allow(
        "ssm:SendCommand",
        "arn:aws:ec2:eu-west-1:123456789012:instance/*",
        Condition={"StringEquals": {"ssm:resourceTag/quorate:cluster": "lab"}},
    )
    asked = ("ssm:SendCommand", "arn:aws:ec2:eu-west-1:123456789012:instance/i-1")
    for tags, expected in (
        ({"quorate:cluster": "lab"}, Verdict.ALLOWED),
        ({"quorate:cluster": "other"}, Verdict.NOT_ALLOWED_BY_IDENTITY),
        ({}, Verdict.NOT_ALLOWED_BY_IDENTITY),
    ):
        assert verdict(*asked, ours, families={"ssm:resourceTag/": tags}) is expected


def test_a_decision_says_which_permissions_it_used() -> None:
    used = decide("s3:GetObject", f"{BUCKET}/x", allow(["s3:Put*", "s3:Get*"], [BUCKET, f"{BUCKET}/*"])).used
    assert [(one.statement, one.action, one.resource) for one in used] == [(0, "s3:Get*", f"{BUCKET}/*")]


def test_an_allow_by_a_variable_that_is_not_there_allows_nothing_and_such_a_deny_is_an_error() -> None:
    absent: dict[str, Any] = {"aws__username": None}
    mine = f"{BUCKET}/${{aws:username}}"
    assert verdict("s3:GetObject", f"{BUCKET}/x", allow("s3:*", mine), **absent) is Verdict.NOT_ALLOWED_BY_IDENTITY
    with pytest.raises(PolicyError, match="denies by"):
        verdict("s3:GetObject", f"{BUCKET}/x", allow("s3:*"), deny("s3:*", mine), **absent)


def test_a_condition_that_cannot_be_judged_does_not_hide_behind_one_that_does_not_hold() -> None:
    condition = {"StringEquals": {"aws:known": "b", "aws:unheard": "x"}}
    with pytest.raises(UnknownConditionKeyError):
        verdict("s3:GetObject", "*", allow("s3:*", Condition=condition), aws__known="a")


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ({"Effect": "allow", "Action": "*", "Resource": "*"}, "Effect"),
        ({"Effect": "Allow", "Resource": "*"}, "Action"),
        ({"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"}, "Action"),
        ({"Effect": "Allow", "Action": [], "Resource": "*"}, "empty"),
        ({"Effect": "Allow", "Action": "*", "Resource": "*", "NotResource": "*"}, "Resource"),
        ({"Effect": "Allow", "Action": "*", "Resource": "*", "NotPrincipal": "*"}, "NotPrincipal"),
        ({"Effect": "Allow", "Action": "*", "Resource": "*", "Conditions": {}}, "Conditions"),
        ({"Effect": "Allow", "Action": "*", "Resource": [{"Ref": "X"}]}, "not text"),
    ],
)
def test_what_the_language_does_not_have_is_an_error(statement: dict[str, Any], problem: str) -> None:
    with pytest.raises(PolicyError, match=problem):
        parse(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def test_a_role_without_a_resource_in_its_policy_is_an_error() -> None:
    with pytest.raises(PolicyError, match="names no resource"):
        verdict("s3:GetObject", "*", {"Effect": "Allow", "Action": "*"})


# What must hold of any policy.

ACTIONS = ["s3:GetObject", "s3:PutObject", "kms:Decrypt"]
RESOURCES = ["arn:aws:s3:::a/x", "arn:aws:s3:::a/y", "arn:aws:s3:::b/x"]
PATTERNS = st.lists(st.sampled_from([*ACTIONS, "s3:*", "*:Get*", "*"]), min_size=1, max_size=2)
PLACES = st.lists(st.sampled_from([*RESOURCES, "arn:aws:s3:::a/*", "*"]), min_size=1, max_size=2)
CONDITIONS = st.sampled_from(
    [
        {},
        {"StringEquals": {"aws:x": "1"}},
        {"StringNotEquals": {"aws:x": "1"}},
        {"Null": {"aws:x": "true"}},
        {"ForAnyValue:StringLike": {"aws:x": ["1*", "2"]}},
    ]
)
STATEMENTS = st.builds(
    lambda effect, form, actions, places, condition: {
        "Effect": effect,
        form: actions,
        "Resource": places,
        "Condition": condition,
    },
    st.sampled_from(["Allow", "Allow", "Deny"]),
    st.sampled_from(["Action", "Action", "NotAction"]),
    PATTERNS,
    PLACES,
    CONDITIONS,
)
REQUESTS = st.builds(
    lambda action, resource, value: Request(action, resource, Context({"aws:x": value})),
    st.sampled_from(ACTIONS),
    st.sampled_from(RESOURCES),
    st.sampled_from([None, "1", "2", "11"]),
)
LISTS = st.lists(STATEMENTS, max_size=4)


def allowed(request: Request, statements: list[dict[str, Any]]) -> bool:
    return evaluate(request, CARLOS, policies(*statements)).allowed


@given(REQUESTS, LISTS)
def test_nothing_allows_by_itself(request: Request, statements: list[dict[str, Any]]) -> None:
    assert not allowed(request, [one for one in statements if one["Effect"] == "Deny"])


@given(REQUESTS, LISTS, LISTS)
def test_a_deny_that_matches_decides_whatever_else_is_said(
    request: Request, before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    assert not allowed(request, [*before, deny(request.action, request.resource), *after])


@given(REQUESTS, LISTS, STATEMENTS)
def test_another_allow_never_takes_away_and_another_deny_never_gives(
    request: Request, statements: list[dict[str, Any]], more: dict[str, Any]
) -> None:
    before, after = allowed(request, statements), allowed(request, [*statements, more])
    assert after >= before if more["Effect"] == "Allow" else after <= before


@given(REQUESTS, st.permutations([0, 1, 2, 3]), LISTS)
def test_the_order_of_statements_decides_nothing(
    request: Request, order: list[int], statements: list[dict[str, Any]]
) -> None:
    shuffled = [statements[index] for index in order if index < len(statements)]
    assert allowed(request, statements) == allowed(request, shuffled)


@given(REQUESTS, PATTERNS, PLACES)
def test_not_action_is_the_complement_of_action(request: Request, actions: list[str], places: list[str]) -> None:
    listed = allowed(request, [{"Effect": "Allow", "Action": actions, "Resource": places}])
    others = allowed(request, [{"Effect": "Allow", "NotAction": actions, "Resource": places}])
    assert not (listed and others)
    assert (listed or others) == allowed(request, [allow("*", places)])


@given(REQUESTS, LISTS)
def test_what_is_allowed_says_by_what(request: Request, statements: list[dict[str, Any]]) -> None:
    decision = evaluate(request, CARLOS, policies(*statements))
    assert bool(decision.used) == decision.allowed
    assert all(statements[one.statement]["Effect"] == "Allow" for one in decision.used)
