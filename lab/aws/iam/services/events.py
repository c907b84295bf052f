"""EventBridge: putting events names the bus."""

from collections.abc import Iterable

from lab.aws.iam.account import Account
from lab.aws.iam.calls import ApiCall
from lab.aws.iam.needs import Need, Rows


def _put(call: ApiCall, account: Account) -> Iterable[Need]:
    for entry in call.parameters.get("Entries") or ():
        bus = str(entry.get("EventBusName") or "default").rsplit("/", 1)[-1]
        values = {"events:source": entry.get("Source"), "events:detail-type": entry.get("DetailType")}
        yield Need("events:PutEvents", account.arn("events", f"event-bus/{bus}"), values)


ROWS: Rows = {"PutEvents": _put}
