"""The handlers of renew_certificates, on a table of their own: what is written down, and when nobody is touched."""

import re
import time
from typing import Any

import pytest

from lambdas.aws import certificates, claims, lease, table
from lambdas.domain.errors import NodeFailed
from lambdas.domain.renewal import Issued
from lambdas.handlers import complete_renewal, fail_renewal, plan_renewal
from lambdas.settings import Settings
from tests.builders import a_node
from tests.unit.handlers.conftest import Context

MINE, OTHER = "arn:aws:states:eu-west-1:123456789012:execution:quorate-demo-renew_certificates:mine", "arn:other"
NODE = a_node()
SIGNED = Issued(instance_id=NODE.instance_id, serial="a5eed", not_before=1_800_000_000.0, not_after=1_802_592_000.0)


def ask(handler: Any, **event: Any) -> Any:
    return handler(event | {"execution": MINE}, Context())


def reloaded(**serials: Any) -> list[dict[str, Any]]:
    return [{"component": name, "result": {"changed": True, "serial": serial}} for name, serial in serials.items()]


def completed(settings: Settings, **serials: Any) -> Any:
    node = NODE.model_dump(mode="json")
    return ask(complete_renewal.handler, node=node, issued=SIGNED.model_dump(), reloaded=reloaded(**serials))


def journal(settings: Settings) -> list[tuple[str, str]]:
    return [(one["decision"], one["reason"]) for one in table.query(settings.table_name, "journal")]


def test_what_is_served_is_what_is_known(settings: Settings) -> None:
    assert completed(settings, consul="a5eed", vault="a5eed", nomad="a5eed") == {"failed": False, "votes": True}
    assert certificates.every(settings.table_name) == [SIGNED]
    assert journal(settings) == [("renew", "certificate a5eed is served by consul, vault, nomad")]


@pytest.mark.parametrize("served", ["01d", "", None, 42, {"serial": "a5eed"}, "A5EED" * 100])
def test_a_product_that_serves_another_certificate_was_not_renewed(settings: Settings, served: Any) -> None:
    before = SIGNED.model_copy(update={"serial": "01d"})
    certificates.write(settings.table_name, before)
    with pytest.raises(NodeFailed, match=re.escape(f"vault on {NODE.instance_id} serves {served!r:.60}, not 'a5eed'")):
        completed(settings, consul="a5eed", vault=served)
    assert certificates.every(settings.table_name) == [before]
    assert journal(settings) == []


def test_a_failure_is_told_with_its_reason(settings: Settings) -> None:
    failure = {"Error": "NodeFailed", "Cause": f"{NODE.instance_id}: nomad reload: failed for good (exit 70)"}
    told = ask(fail_renewal.handler, node=NODE.model_dump(mode="json"), failure=failure)
    assert told == {"failed": True, "votes": True}
    assert journal(settings) == [("fail", f"{NODE.instance_id}: nomad reload: failed for good (exit 70)")]
    client = a_node(2, group="default").model_dump(mode="json")
    assert ask(fail_renewal.handler, node=client, failure={"Error": "States.Timeout"})["votes"] is False
    assert journal(settings)[-1] == ("fail", "no answer in time, and none when asked once more")


def test_after_a_server_that_failed_nobody_is_touched_and_the_lease_is_given_back(settings: Settings) -> None:
    taken = lease.take(settings.table_name, MINE, time.time())
    assert taken
    turn = {"attempted": [NODE.instance_id], "fencing": taken.fencing}
    planned = ask(plan_renewal.handler, turn=turn, renewed=[{"failed": True, "votes": True}])
    assert planned == {"next": "fail", "attempted": [NODE.instance_id], "items": []}
    assert lease.read(settings.table_name).owner is None


def test_one_run_at_a_time(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims.executions, "is_running", lambda arn: arn == OTHER)
    assert claims.take(settings.table_name, "renewal", plan_renewal.WHOLE, OTHER) == "first"
    planned = ask(plan_renewal.handler, turn={"attempted": []}, renewed=[])
    assert planned == {"next": "stop", "attempted": [], "items": []}
