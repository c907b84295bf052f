"""Whether a request is allowed: AWS's rule within one account.

IAM user guide, "Policy evaluation for requests within a single account": an explicit deny anywhere decides; else one
allow is enough, in an identity's policy or in the resource's. A KMS key is the exception: its policy has to allow the
principal, or the account, and only then do the account's own policies count (KMS developer guide, "Key policies").
Boundaries, session policies and organisations' policies are not used here, and `principals` refuses them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from lab.aws.iam.context import Context
from lab.aws.iam.errors import PolicyError
from lab.aws.iam.patterns import UnresolvedVariable
from lab.aws.iam.policy import Policies, Statement


@dataclass(frozen=True)
class Identity:
    """Who asks, as resource policies name it: a role's session has three names, a service one."""

    arns: tuple[str, ...] = ()
    account: str = ""
    service: str = ""


@dataclass(frozen=True)
class Request:
    action: str
    resource: str
    context: Context


class Verdict(Enum):
    ALLOWED = "allowed"
    DENIED_BY_IDENTITY = "with an explicit deny in an identity-based policy"
    DENIED_BY_RESOURCE = "with an explicit deny in a resource-based policy"
    NOT_ALLOWED_BY_IDENTITY = "because no identity-based policy allows the {action} action"
    NOT_ALLOWED_BY_RESOURCE = "because no resource-based policy allows the {action} action"


@dataclass(frozen=True)
class Used:
    """A permission that allowed something: where it stands, and the two texts that matched."""

    policy: str
    statement: int
    action: str
    resource: str


@dataclass(frozen=True)
class Decision:
    verdict: Verdict
    used: tuple[Used, ...] = ()

    @property
    def allowed(self) -> bool:
        return self.verdict is Verdict.ALLOWED


NOTHING = Policies(())


def evaluate(
    request: Request,
    identity: Identity,
    identity_policies: Policies = NOTHING,
    resource_policies: Policies = NOTHING,
    *,
    resource_decides: bool = False,
) -> Decision:
    """`resource_decides` where the resource's policy must agree: a KMS key, a role's trust policy.

    Raises IamError where a statement cannot be judged.
    """
    own = _matching(request, identity_policies)
    resources = [
        (match, grant)
        for match in _matching(request, resource_policies)
        if (grant := _grants(match.statement, identity)) is not None
    ]
    if any(not match.statement.allows for match in own):
        return Decision(Verdict.DENIED_BY_IDENTITY)
    if any(not match.statement.allows for match, _ in resources):
        return Decision(Verdict.DENIED_BY_RESOURCE)
    directly = any(grant is Grant.PRINCIPAL for _, grant in resources)
    delegated = bool(resources) or not resource_decides
    if directly or (own and delegated):
        return Decision(Verdict.ALLOWED, tuple(used for match in own for used in match.used))
    if not identity.arns or not delegated:
        return Decision(Verdict.NOT_ALLOWED_BY_RESOURCE)
    return Decision(Verdict.NOT_ALLOWED_BY_IDENTITY)


class Grant(Enum):
    """A statement that names the principal gives; one that names its account lets the account's policies give."""

    PRINCIPAL = "principal"
    ACCOUNT = "account"


@dataclass(frozen=True)
class _Match:
    statement: Statement
    action: str
    resources: tuple[str, ...]

    @property
    def used(self) -> tuple[Used, ...]:
        place = (self.statement.policy, self.statement.number, self.action)
        return tuple(Used(*place, resource) for resource in self.resources)


def _matching(request: Request, policies: Policies) -> Sequence[_Match]:
    found = []
    for statement, action in policies.about(request.action):
        try:
            resources = _resource_patterns(statement, request)
            if not resources:
                continue
            # Every condition is judged: one that cannot be must not hide behind one that does not hold.
            held = [condition.holds(request.context) for condition in statement.conditions]
            if all(held):
                found.append(_Match(statement, action, resources))
        except UnresolvedVariable as variable:
            if not statement.allows:
                place = f"{statement.policy}, statement {statement.number}"
                raise PolicyError(f"{place} denies by ${{{variable}}}, which this request does not have") from variable
    return found


def _resource_patterns(statement: Statement, request: Request) -> tuple[str, ...]:
    """The texts by which the statement means the resource; none where it does not."""
    if statement.not_resources:
        met = [pattern.matches(request.resource, request.context) for pattern in statement.not_resources]
        return () if any(met) else (f"not {', '.join(pattern.text for pattern in statement.not_resources)}",)
    if not statement.resources:
        if statement.principals is None:
            raise PolicyError(f"{statement.policy}, statement {statement.number} names no resource")
        return (request.resource,)  # a trust policy, which stands on its resource
    return tuple(pattern.text for pattern in statement.resources if pattern.matches(request.resource, request.context))


def _grants(statement: Statement, identity: Identity) -> Grant | None:
    if statement.principals is None:
        raise PolicyError(f"{statement.policy}, statement {statement.number}: a resource's policy names its principals")
    for kind, names in statement.principals.items():
        if kind not in ("AWS", "Service"):
            raise PolicyError(f"{statement.policy}, statement {statement.number}: Principal {kind} is not built here")
        for name in names:
            if kind == "Service" and name == identity.service:
                return Grant.PRINCIPAL
            if kind == "AWS" and (name == "*" or name in identity.arns):
                return Grant.PRINCIPAL
    accounts = [name for name in statement.principals.get("AWS", ()) if _is_account(name, identity.account)]
    return Grant.ACCOUNT if accounts else None


def _is_account(name: str, account: str) -> bool:
    return bool(account) and (name == account or name.endswith(f":iam::{account}:root"))
