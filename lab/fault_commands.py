"""Faults by name, as an operator of the lab asks for them: each says what it did and how it ends.

They are the lab's, none is in the product: hosts that die or hang, networks that split, events that are late, APIs and
functions that fail, a lease that is over before its time, certificates that are older than they were.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lab.aws.auto_scaling import STATUS_CHECK_SECONDS
from lab.aws.chaos import Matches, any_event, of_type
from lab.laboratory import Laboratory
from lab.nodes import find_node
from lambdas.domain.config import PRODUCTS

FOR_EVER = float("inf")


@dataclass(frozen=True)
class Done:
    did: str
    ends: str

    def as_json(self) -> dict[str, str]:
        return {"did": self.did, "ends": self.ends}


class FaultyHosts(Protocol):
    """What hosts of either kind can be made to suffer. Raises LookupError where there is no such host or product."""

    def kill(self, instance_id: str) -> None: ...

    def partition(self, *instance_ids: str) -> None: ...

    def heal(self) -> None: ...

    def pause_agent(self, instance_id: str) -> None: ...

    def resume_agent(self, instance_id: str) -> None: ...

    def stop_product(self, instance_id: str, product: str) -> None: ...

    def start_product(self, instance_id: str, product: str) -> None: ...


class FaultCommands:
    """Raises LookupError or ValueError for what there is not, before anything was done."""

    def __init__(self, lab: Laboratory) -> None:
        self._lab = lab
        self._paused: set[str] = set()
        self._cut_off: set[str] = set()
        self._verbs: Mapping[str, Callable[..., Done]] = {
            "kill-host": self.kill_host,
            "terminate-host": self.terminate_host,
            "stop-product": self.stop_product,
            "start-product": self.start_product,
            "partition": self.partition,
            "heal": self.heal,
            "pause-agent": self.pause_agent,
            "resume-agent": self.resume_agent,
            "duplicate-events": self.duplicate_events,
            "delay-events": self.delay_events,
            "drop-events": self.drop_events,
            "reorder-events": self.reorder_events,
            "throttle-api": self.throttle_api,
            "fail-api": self.fail_api,
            "kill-lambda": self.kill_lambda,
            "expire-lease": self.expire_lease,
            "age-certificates": self.age_certificates,
            "clear": self.clear,
        }

    def do(self, verb: str, **arguments: Any) -> dict[str, Any]:
        if verb not in self._verbs:
            raise LookupError(f"no fault {verb!r}: {', '.join(self._verbs)}")
        return {"fault": verb, **self._verbs[verb](**arguments).as_json()}

    def active(self) -> list[str]:
        """What is wrong by now, as far as it can be ended."""
        hosts = [f"{one}: its agent is paused" for one in sorted(self._paused)]
        hosts += [f"{one}: cut off" for one in sorted(self._cut_off)]
        return [*hosts, *self._lab.chaos.described()]

    # Hosts.

    def kill_host(self, node: str) -> Done:
        instance_id = self._node(node)
        self._hosts.kill(instance_id)
        self._lab.aws.fail_status_checks(instance_id)
        return Done(
            f"{instance_id} has no power, and EC2 does not know it yet",
            f"its status checks fail for {STATUS_CHECK_SECONDS:.0f} s of the lab's time, then its group replaces it",
        )

    def terminate_host(self, node: str) -> Done:
        instance_id = self._node(node)
        self._lab.aws.client("ec2").terminate_instances(InstanceIds=[instance_id])
        return Done(
            f"{instance_id} was terminated in EC2, behind its group: its goodbye is without a host",
            "its group replaces it",
        )

    def stop_product(self, node: str, product: str) -> Done:
        instance_id = self._node(node)
        self._hosts.stop_product(instance_id, _product(product))
        return Done(
            f"{product} is stopped on {instance_id}, without a goodbye", f"start-product {instance_id} {product}"
        )

    def start_product(self, node: str, product: str) -> Done:
        instance_id = self._node(node)
        self._hosts.start_product(instance_id, _product(product))
        return Done(f"{product} is started on {instance_id}", f"stop-product {instance_id} {product}")

    def partition(self, nodes: list[str]) -> Done:
        instance_ids = sorted({self._node(node) for node in nodes})
        if not instance_ids:
            raise ValueError("which nodes shall be cut off from the others?")
        self._hosts.partition(*instance_ids)
        self._cut_off.update(instance_ids)
        talk = "; among themselves they still talk, and their agents still reach AWS"
        return Done(f"{' '.join(instance_ids)}: cut off from the others{talk}", "heal")

    def heal(self) -> Done:
        self._hosts.heal()
        healed, self._cut_off = sorted(self._cut_off), set()
        return Done(f"the network is whole again{': ' + ' '.join(healed) if healed else ''}", "-")

    def pause_agent(self, node: str) -> Done:
        instance_id = self._node(node)
        self._hosts.pause_agent(instance_id)
        self._paused.add(instance_id)
        return Done(
            f"the SSM agent of {instance_id} answers nobody; what it runs goes on", f"resume-agent {instance_id}"
        )

    def resume_agent(self, node: str) -> Done:
        instance_id = self._node(node)
        self._hosts.resume_agent(instance_id)
        self._paused.discard(instance_id)
        return Done(f"the SSM agent of {instance_id} is back, with what it was sent", f"pause-agent {instance_id}")

    # Events.

    def duplicate_events(self, type: str = "", times: float = FOR_EVER, seconds: float = 0.0) -> Done:
        self._lab.chaos.duplicate_events(_matching(type), gap_seconds=seconds, times=times)
        return Done(f"{_which(type, times)} come twice", "clear")

    def delay_events(self, type: str = "", times: float = FOR_EVER, seconds: float = 30.0) -> Done:
        self._lab.chaos.delay_events(seconds, _matching(type), times=times)
        return Done(f"{_which(type, times)} come {seconds:g} s late", "clear")

    def drop_events(self, type: str = "", times: float = FOR_EVER) -> Done:
        self._lab.chaos.drop_events(_matching(type), times=times)
        return Done(f"{_which(type, times)} never come", "clear")

    def reorder_events(self, type: str = "", times: float = FOR_EVER, seconds: float = 5.0) -> Done:
        self._lab.chaos.reorder_events(_matching(type), behind_seconds=seconds, times=times)
        return Done(f"of {_which(type, times)} every other one comes {seconds:g} s late, behind its successor", "clear")

    # APIs, functions, the lease.

    def throttle_api(self, service: str, operation: str, times: float = 1) -> Done:
        self._lab.chaos.throttle(service, operation, times=times)
        return Done(f"{service} {operation} is throttled {_often(times)}", "clear")

    def fail_api(self, service: str, operation: str, code: str = "InternalServerError", times: float = 1) -> Done:
        self._lab.chaos.fail_api(service, operation, code, times=times)
        return Done(f"{service} {operation} answers {code} {_often(times)}", "clear")

    def kill_lambda(self, function: str, after_calls: int = 0, times: float = 1) -> Done:
        found = [one for one in self._functions() if function in one]
        if not found:
            raise LookupError(f"no function has {function!r} in its name: {', '.join(self._functions())}")
        self._lab.chaos.kill_lambda(function, after_calls=after_calls, times=times)
        return Done(f"{', '.join(found)}: its process dies after {after_calls} AWS calls, {_often(times)}", "clear")

    def expire_lease(self) -> Done:
        owner = self._lab.expire_lease()
        return Done(
            f"the membership lease is over, for {owner}", "by itself: the next turn takes it with its next number"
        )

    def age_certificates(self, days: float = 21.0) -> Done:
        found = self._lab.certificates()
        self._lab.age_certificates(days)
        return Done(
            f"{len(found)} certificates count as signed {days:g} days earlier than they were",
            "by itself: a sweep renews those that are due, see make journal",
        )

    def clear(self) -> Done:
        """All that can be ended."""
        self._lab.chaos.clear()
        self.heal()
        for instance_id in sorted(self._paused):
            self._hosts.resume_agent(instance_id)
        self._paused.clear()
        return Done("events, APIs and functions are undisturbed, the network is whole, agents answer", "-")

    @property
    def _hosts(self) -> FaultyHosts:
        return self._lab.data_center.faulty

    def _node(self, given: str) -> str:
        return find_node(self._lab.nodes(), given).instance_id

    def _functions(self) -> list[str]:
        pages = self._lab.aws.client("lambda").get_paginator("list_functions").paginate()
        return sorted(one["FunctionName"] for page in pages for one in page["Functions"])


def _product(name: str) -> str:
    if name not in PRODUCTS:
        raise ValueError(f"no product {name!r}: {', '.join(PRODUCTS)}")
    return name


def _matching(words: str) -> Matches:
    return of_type(words) if words else any_event


def _which(words: str, times: float) -> str:
    count = "all" if times == FOR_EVER else f"the next {times:g}"
    return f"{count} events" + (f' of a type like "{words}"' if words else "")


def _often(times: float) -> str:
    return "from now on" if times == FOR_EVER else f"{times:g} times"
