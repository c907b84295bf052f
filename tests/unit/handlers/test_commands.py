"""Who is told how a command ended: every task once, however its function, its event and a repetition of it race."""

from typing import Any

import pytest

from lambdas.aws import dispatches, executions, run_command
from lambdas.aws.clients import client
from lambdas.domain.commands import Command
from lambdas.domain.outcome import Invocation
from lambdas.handlers import complete_command, send_command
from lambdas.settings import Settings
from tests.builders import a_command
from tests.unit.handlers.conftest import Context

COMMAND = a_command("i-0123456789abcdef0")
RUNS = Invocation("InProgress", "InProgress", -1, "", "")
ENDED = Invocation("Success", "Success", 0, '{"version": "1"}', "")


class Node:
    """What Systems Manager tells of a node's commands; `state` is how far they are."""

    def __init__(self) -> None:
        self.state = RUNS
        self.sent: list[str] = []
        self.told: list[str] = []
        self.dies_when_told = False

    def send(self, command: Command) -> str:
        self.sent.append(f"command-{len(self.sent) + 1}")
        return self.sent[-1]

    def tell(self, token: str, output: dict[str, Any]) -> bool:
        if self.dies_when_told:
            raise KeyboardInterrupt
        assert output["result"] == {"version": "1"}
        self.told.append(token)
        return True


@pytest.fixture
def node(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Node:
    found = Node()
    monkeypatch.setattr(run_command, "send", found.send)
    monkeypatch.setattr(run_command, "read", lambda command_id, instance_id: found.state)
    monkeypatch.setattr(executions, "succeed_task", found.tell)
    return found


def send(token: str) -> None:
    send_command.handler({"command": COMMAND.model_dump(), "token": token}, Context())


def hear(command_id: str = "command-1") -> None:
    detail = {"command-id": command_id, "instance-id": COMMAND.instance_id, "status": "Success"}
    complete_command.handler({"detail": detail}, Context())


def keys(settings: Settings) -> set[str]:
    items = client("dynamodb").scan(TableName=settings.table_name)["Items"]
    return {item["pk"]["S"] for item in items}


def test_the_end_is_told_once_though_its_event_comes_twice(node: Node, settings: Settings) -> None:
    send("a")
    node.state = ENDED
    hear()
    hear()
    assert node.told == ["a"]
    assert keys(settings) == {"dispatch"}, "nobody waits any more"


def test_an_end_that_overtook_the_token_is_told_by_the_sender(node: Node, settings: Settings) -> None:
    node.state = ENDED
    hear()
    assert node.told == []
    send("a")
    assert node.told == ["a"]
    hear()
    assert node.told == ["a"]
    assert keys(settings) == {"dispatch"}


def test_a_repetition_takes_over_what_is_under_way(node: Node) -> None:
    send("a")
    send("b")
    node.state = ENDED
    hear()
    assert node.sent == ["command-1"]
    assert node.told == ["b"]


def test_a_repetition_after_the_end_is_told_the_same(node: Node) -> None:
    send("a")
    node.state = ENDED
    hear()
    send("b")
    assert node.sent == ["command-1"]
    assert node.told == ["a", "b"]


def test_a_repetition_that_takes_over_while_the_first_is_told_is_told_too(
    node: Node, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It found the work under way, and everything else happens between that and its token being kept."""
    send("a")
    node.state = ENDED
    wait = dispatches.wait

    def late(*arguments: Any) -> dispatches.Waiting:
        hear()
        return wait(*arguments)

    monkeypatch.setattr(dispatches, "wait", late)
    send("b")
    assert node.told == ["a", "b"]
    assert keys(settings) == {"dispatch"}


def test_a_token_kept_while_the_one_before_is_told_is_told_by_whoever_kept_it(
    node: Node, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    send("a")
    node.state = ENDED

    def tell(token: str, output: dict[str, Any]) -> bool:
        monkeypatch.setattr(executions, "succeed_task", node.tell)
        dispatches.wait(settings.table_name, COMMAND, "command-1", "b")
        return node.tell(token, output)

    monkeypatch.setattr(executions, "succeed_task", tell)
    hear()
    assert node.told == ["a"]
    waiting = dispatches.waiting(settings.table_name, "command-1")
    assert waiting
    assert waiting.token == "b"


def test_who_dies_before_it_has_told_leaves_it_to_the_next(node: Node) -> None:
    send("a")
    node.state = ENDED
    node.dies_when_told = True
    with pytest.raises(KeyboardInterrupt):
        hear()
    node.dies_when_told = False
    hear()
    assert node.told == ["a"]


def test_a_sender_that_dies_before_its_token_is_kept_has_sent_once(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(dispatches, "wait", die)
        with pytest.raises(KeyboardInterrupt):
            send("a")
    node.state = ENDED
    hear()
    send("b")
    assert node.sent == ["command-1"]
    assert node.told == ["b"]
