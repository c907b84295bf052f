"""Who calls: the role's session behind a handler, a state machine, a rule's target or a node; or a service itself."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.ec2 import ec2_backends
from moto.iam.models import Role, iam_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from lab.aws.calls import Caller
from lab.aws.iam.account import Account, tags_of
from lab.aws.iam.context import Context, Values
from lab.aws.iam.errors import PolicyError
from lab.aws.iam.evaluation import NOTHING, Identity, Request, evaluate
from lab.aws.iam.policy import Policies, join, text_of

_INSTANCE = re.compile(r"^i-[0-9a-f]{8,17}$")


@dataclass(frozen=True, eq=False)
class Principal:
    """`label` is how a refusal names it. `role` is the role's ARN, empty for a service that has none here."""

    label: str
    identity: Identity
    context: Context
    policies: Policies = NOTHING
    role: str = ""
    problem: str = ""
    """Why it can do nothing at all: its role is missing, or does not trust the service that would use it."""


@dataclass(frozen=True)
class _Session:
    role_arn: str
    service: str
    name: str
    source_arn: str
    keys: Mapping[str, Values]


class Principals:
    """Nobody is the answer for the lab's own operator, and for who is let in by other means (an address)."""

    def __init__(self, account: Account) -> None:
        self._cloud = account.cloud
        self._of = account.of
        self._roles: dict[str, Role] = {}
        self._profiles: dict[str, Any] = {}
        self._known: dict[Caller, tuple[tuple[object, ...], Principal]] = {}
        self._sessions: dict[str, Callable[[Caller, str], _Session | None]] = {
            "lambda": self._of_function,
            "states": self._of_machine,
            "host": self._of_instance,
            "aws": self._of_target,
        }

    def of(self, caller: Caller) -> Principal | None:
        kind, _, name = caller.name.partition(":")
        make = self._sessions.get(kind)
        session = make(caller, name) if make else None
        if session is None:
            return self._service(caller, name) if kind == "aws" else None
        role = self._role(session.role_arn)
        policies = _documents(role) if role else ()
        mark = (session.role_arn, policies, text_of(role.assume_role_policy_document) if role else "")
        known = self._known.get(caller)
        if known is None or known[0] != mark:
            known = mark, self._principal(session, role, policies)
            self._known[caller] = known
        return known[1]

    def _principal(self, session: _Session, role: Role | None, policies: tuple[tuple[str, str], ...]) -> Principal:
        account = self._cloud.account
        role_name = session.role_arn.rsplit("/", 1)[-1]
        label = f"arn:aws:sts::{account}:assumed-role/{role_name}/{session.name}"
        values: dict[str, Values] = {
            "aws:PrincipalArn": session.role_arn,
            "aws:PrincipalAccount": account,
            "aws:PrincipalType": "AssumedRole",
            "aws:PrincipalIsAWSService": "false",
            "aws:SourceArn": None,
            "aws:SourceAccount": None,
            **self._everywhere(),
            **session.keys,
        }
        context = Context(values, {"aws:PrincipalTag/": tags_of(role.tags) if role else {}})
        identity = Identity((session.role_arn, label), account)
        problem = f"there is no role {session.role_arn}" if role is None else self._distrust(session, role)
        return Principal(label, identity, context, join(policies), session.role_arn, problem)

    def _service(self, caller: Caller, name: str) -> Principal:
        service = f"{name}.amazonaws.com"
        values: dict[str, Values] = {
            "aws:PrincipalArn": None,
            "aws:PrincipalAccount": None,
            "aws:PrincipalType": "AWSService",
            "aws:PrincipalIsAWSService": "true",
            "aws:PrincipalServiceName": service,
            "aws:SourceArn": caller.source_arn,
            "aws:SourceAccount": self._cloud.account,
            **self._everywhere(),
        }
        return Principal(service, Identity(service=service), Context(values, {"aws:PrincipalTag/": {}}))

    def _everywhere(self) -> dict[str, Values]:
        return {
            "aws:CalledVia": None,
            "aws:RequestedRegion": self._cloud.region,
            "aws:ResourceAccount": self._cloud.account,
            "aws:ViaAWSService": "false",
            "ec2:SourceInstanceARN": None,
            "lambda:SourceFunctionArn": None,
        }

    def _distrust(self, session: _Session, role: Role) -> str:
        """Empty where the role lets the service use it."""
        if role.permissions_boundary_arn:
            raise PolicyError(f"{role.name} has a permissions boundary, which is not built here")
        source = {"aws:SourceArn": session.source_arn, "aws:SourceAccount": self._cloud.account}
        request = Request("sts:AssumeRole", session.role_arn, Context(source))
        trust = join((("trust policy of " + role.name, text_of(role.assume_role_policy_document)),))
        decision = evaluate(request, Identity(service=session.service), resource_policies=trust, resource_decides=True)
        return "" if decision.allowed else f"{session.role_arn} cannot be assumed by {session.service}"

    # The sessions.

    def _of_function(self, caller: Caller, name: str) -> _Session:
        function = self._of(lambda_backends).get_function(name)
        arn = str(function.function_arn)
        return _Session(function.role, "lambda.amazonaws.com", name, arn, {"lambda:SourceFunctionArn": arn})

    def _of_machine(self, caller: Caller, name: str) -> _Session:
        arn = self._cloud.arn("states", f"stateMachine:{name}")
        machine = self._of(stepfunctions_parser_backends).describe_state_machine(arn)
        return _Session(machine.roleArn, "states.amazonaws.com", name, arn, {})

    def _of_instance(self, caller: Caller, name: str) -> _Session | None:
        if not _INSTANCE.match(name):
            return None
        profile = self._profiles.get(name) or self._profile(name)
        arn = self._cloud.arn("ec2", f"instance/{name}")
        role_arn = profile.roles[0].arn if profile and profile.roles else ""
        return _Session(role_arn, "ec2.amazonaws.com", name, arn, {"ec2:SourceInstanceARN": arn})

    def _profile(self, instance_id: str) -> Any:
        """Kept: to find one of a thousand instances takes moto longer than all else, and its profile stays."""
        instance = self._of(ec2_backends).get_instance_by_id(instance_id)
        reference = instance.iam_instance_profile if instance else None
        if reference is None:
            return None
        profile = self._iam.get_instance_profile(reference["Arn"].rsplit("/", 1)[-1])
        self._profiles[instance_id] = profile
        return profile

    def _of_target(self, caller: Caller, name: str) -> _Session | None:
        """A rule's target has a role, or the target's own policy lets EventBridge in."""
        if not caller.role_arn:
            return None
        return _Session(caller.role_arn, f"{name}.amazonaws.com", name, caller.source_arn, {})

    @property
    def _iam(self) -> Any:
        return iam_backends[self._cloud.account]["aws"]

    def _role(self, arn: str) -> Role | None:
        """moto knows roles by their ids alone; an ARN is put together each time somebody asks for it."""
        role = self._roles.get(arn)
        if role is None or self._iam.roles.get(role.id) is not role:
            role = next((one for one in self._iam.roles.values() if one.arn == arn), None)
            if role is not None:
                self._roles[arn] = role
        return role


def _documents(role: Role) -> tuple[tuple[str, str], ...]:
    own = ((name, text_of(document)) for name, document in role.policies.items())
    managed = ((policy.name, text_of(policy.document)) for policy in role.managed_policies.values())
    return (*own, *managed)
