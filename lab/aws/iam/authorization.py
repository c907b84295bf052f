"""The question that the door asks for each call: may this caller do that?"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from lab.aws.calls import OPERATOR, current_caller
from lab.aws.cloud import Cloud
from lab.aws.iam.account import Account, MachineOf
from lab.aws.iam.calls import ApiCall
from lab.aws.iam.context import Context
from lab.aws.iam.errors import IamError
from lab.aws.iam.evaluation import Request, Verdict, evaluate
from lab.aws.iam.needs import Need
from lab.aws.iam.principals import Principal, Principals
from lab.aws.iam.resource_policies import RESOURCE_DECIDES, policies_on
from lab.aws.iam.services import needs_of
from lab.aws.iam.usage import Usage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Denial:
    """A call that was refused, or would have been."""

    caller: str
    call: str
    action: str
    resource: str
    message: str


class Authorization:
    """Asked with the big lock held. The lab's operator may do everything; nobody asks what its calls need.

    Without `enforced` it records what it would refuse, and lets it pass.
    """

    def __init__(self, cloud: Cloud, machine_of: MachineOf, *, enforced: bool = True) -> None:
        self._cloud = cloud
        self._account = Account(cloud, machine_of)
        self._principals = Principals(self._account)
        self._enforced = enforced
        self.usage = Usage()
        self.denials: list[Denial] = []

    def refusal(self, read: Callable[[], ApiCall]) -> str | None:
        """Why the current caller may not make the call that `read` gives; None where it may.

        Raises IamError where nobody can say. That is an error of the lab, too, which a handler cannot swallow.
        """
        caller = current_caller()
        if caller.name == OPERATOR:
            return None
        try:
            principal = self._principals.of(caller)
            if principal is None:
                return None
            call = read()
            denials = [one for need in needs_of(call, self._account) if (one := self._deny(principal, call, need))]
        except IamError as error:
            self.denials.append(Denial(caller.name, "", "", "", str(error)))
            if not self._enforced:
                return None
            self._cloud.background.errors.append(error)
            raise
        for denial in denials:
            log.warning("not allowed: %s: %s", denial.call, denial.message)
        self.denials += denials
        return denials[0].message if denials and self._enforced else None

    def _deny(self, principal: Principal, call: ApiCall, need: Need) -> Denial | None:
        if principal.problem:
            return Denial(principal.label, call.name, need.action, need.resource, principal.problem)
        own = {"aws:SecureTransport": "true" if call.secure else "false", **need.values}
        request = Request(need.action, need.resource, Context(own, need.families, under=principal.context))
        service = need.resource.split(":", 3)[2] if need.resource.startswith("arn:") else ""
        decision = evaluate(
            request,
            principal.identity,
            principal.policies,
            policies_on(self._account, need.resource),
            resource_decides=service in RESOURCE_DECIDES,
        )
        if decision.allowed:
            self.usage.record(principal.role, decision.used)
            return None
        message = _message(principal, need, decision.verdict)
        return Denial(principal.label, call.name, need.action, need.resource, message)


def _message(principal: Principal, need: Need, verdict: Verdict) -> str:
    """In AWS's words (IAM user guide, "Access denied error message examples")."""
    where = f" on resource: {need.resource}" if need.resource != "*" else ""
    why = verdict.value.format(action=need.action)
    return f"User: {principal.label} is not authorized to perform: {need.action}{where} {why}"
