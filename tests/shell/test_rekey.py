"""Gossip goes from one key to the next without losing a member: step by step, and never past somebody."""

import json
from typing import Any

import pytest

from tests.shell.scratch_node import SECRETS_PREFIX
from tests.shell.stand_ins.gossip import Gossip
from tests.shell.stand_ins.raft import Server
from tests.shell.test_every_document import everything
from tests.shell.world import SITUATIONS, TOKENS, World

PRODUCTS = ("consul", "nomad")

pytestmark = pytest.mark.parametrize("product", PRODUCTS)


class Rotation:
    """One rotation of a product's gossip, a step at a time."""

    def __init__(self, world: World, product: str) -> None:
        self.world, self.product = world, product
        self.parameters = SITUATIONS[product, "rekey"](world)
        self.old = TOKENS[f"{product}/gossip-key"]

    @property
    def gossip(self) -> Gossip:
        found: Gossip = getattr(self.world, self.product).gossip
        return found

    @property
    def rings(self) -> list[list[str]]:
        return [list(ring) for ring in self.gossip.rings.values()]

    @property
    def keys(self) -> list[str]:
        return self.world.keys(self.product)

    def step(self, step: str, **parameters: str) -> dict[str, Any]:
        ended = self.world.run(self.product, "rekey", {**self.parameters, "Step": step, **parameters})
        assert ended.exit_code == 0, ended.stdout + ended.stderr
        return ended.result

    def once(self, step: str, **parameters: str) -> dict[str, Any]:
        """Taken, and taken again without a change."""
        told = self.step(step, **parameters)
        seen = everything(self.world), self.rings
        assert self.step(step, **parameters)["done"]
        assert (everything(self.world), self.rings) == seen
        return told

    def refused(self, step: str, **parameters: str) -> str:
        ended = self.world.run(self.product, "rekey", {**self.parameters, "Step": step, **parameters})
        assert ended.exit_code == 70, ended.stdout
        return str(ended.result["reason"])

    def expect(self, *members: str) -> None:
        self.parameters |= self.world.cloud.put_file_set([], {"expected": list(members)})


def test_a_key_is_installed_used_and_the_old_one_removed_each_step_once(world: World, product: str) -> None:
    rotation = Rotation(world, product)
    assert rotation.once("install") == {"done": True, "changed": True, "reason": "all members have the new key"}
    old, new = rotation.keys
    assert old == rotation.old
    assert rotation.rings == [[old, new]] * 3
    assert rotation.once("use")["done"]
    assert rotation.keys == [new, old]
    assert rotation.rings == [[new, old]] * 3
    assert rotation.once("remove") == {"done": True, "changed": True, "reason": "no member knows an old key any more"}
    assert rotation.keys == [new]
    assert rotation.rings == [[new]] * 3


def test_the_next_rotation_begins_where_this_one_ended_and_nothing_of_this_one_comes_after_it(
    world: World, product: str
) -> None:
    rotation = Rotation(world, product)
    for step in ("install", "use", "remove"):
        rotation.step(step)
    [first] = rotation.keys
    for step in ("install", "use", "remove"):
        assert rotation.step(step, Rotation="2")["done"]
    assert rotation.keys != [first]
    assert rotation.rings == [rotation.keys] * 3
    assert "this is of rotation 1, and the secret of 2" in rotation.refused("install")


def test_nobody_goes_on_past_a_member_that_is_silent(world: World, product: str) -> None:
    rotation = Rotation(world, product)
    rotation.step("install")
    for step in ("use", "remove"):
        rotation.expect("i-0", "i-1", "i-2", "i-7")
        before = rotation.rings
        assert rotation.step(step) == {"done": False, "changed": False, "reason": "not alive in gossip: i-7"}
        assert rotation.rings == before
        rotation.expect("i-0", "i-1", "i-2")
        assert rotation.step(step)["done"]


def test_who_is_not_there_yet_keeps_the_new_key_from_being_used_and_not_from_being_installed(
    world: World, product: str
) -> None:
    rotation = Rotation(world, product)
    rotation.expect("i-0", "i-1", "i-2", *(f"i-{number}" for number in range(10, 17)))
    told = rotation.step("install")
    assert (told["done"], told["changed"]) == (False, True)
    assert told["reason"] == "not alive in gossip: i-10, i-11, i-12, i-13, i-14, and 2 more"
    assert all(len(ring) == 2 for ring in rotation.rings)


def test_one_that_came_with_the_old_key_alone_is_given_the_new_one_before_anybody_uses_it(
    world: World, product: str
) -> None:
    rotation = Rotation(world, product)
    rotation.step("install")
    rotation.gossip.rings["i-9"] = [rotation.old]
    assert rotation.step("use")["reason"] == "3 of 4 members have the new key: the old one stays in use"
    assert all(ring[0] == rotation.old for ring in rotation.rings)
    assert rotation.step("install")["done"]
    assert rotation.step("use")["done"]


def test_one_that_speaks_with_the_old_key_still_keeps_it_from_being_removed(world: World, product: str) -> None:
    """A node that read the secret just before its turn. Nomad's members do not tell: they are told once more."""
    rotation = Rotation(world, product)
    rotation.step("install")
    rotation.step("use")
    rotation.gossip.rings["i-2"].reverse()
    told = rotation.step("remove")
    if product == "consul":
        assert told == {
            "done": False,
            "changed": False,
            "reason": "not all members speak with the new key: the old one stays",
        }
        assert rotation.old in rotation.gossip.rings["i-2"]
        assert rotation.step("use")["done"]
    assert rotation.step("remove")["done"]
    assert rotation.rings == [rotation.keys] * 3


def test_a_member_that_answers_nothing_is_waited_for(world: World, product: str) -> None:
    rotation = Rotation(world, product)
    rotation.step("install")
    rotation.gossip.mute = {"i-1"}
    world.node.time_flies = True
    told = rotation.step("use")
    assert told["done"] is False
    assert "2/3 nodes reported success" in told["reason"]
    assert rotation.gossip.rings["i-0"][0] == rotation.old


def test_a_command_of_another_turn_does_nothing(world: World, product: str) -> None:
    rotation = Rotation(world, product)
    world.cloud.hold_lease(fencing=8)
    before = everything(world)
    assert rotation.step("install") == {
        "changed": False,
        "reason": "this command is of turn 7 of the membership lease, which is at 8",
    }
    assert everything(world) == before


def test_steps_are_not_left_out(world: World, product: str) -> None:
    rotation = Rotation(world, product)
    assert "no key was made in rotation 1" in rotation.refused("use")
    rotation.step("install")
    assert "the new key is not in use" in rotation.refused("remove")
    assert "rotation 1 was never finished" in rotation.refused("install", Rotation="2")
    assert all(rotation.old in ring for ring in rotation.rings)


def test_a_node_that_starts_in_between_starts_with_both_keys(world: World, product: str) -> None:
    rotation = Rotation(world, product)
    rotation.step("install")
    parameters = SITUATIONS[product, "configure"]
    stored = world.cloud.secret(f"{SECRETS_PREFIX}{product}/gossip-key")
    given = parameters(world)
    world.cloud.overwrite_secret(f"{SECRETS_PREFIX}{product}/gossip-key", stored)
    assert world.run(product, "configure", given).exit_code == 0
    place = {"consul": "serf/local.keyring", "nomad": "server/serf.keyring"}[product]
    file = world.path(f"/var/lib/{product}/{place}")
    assert json.loads(file.read_text()) == rotation.keys
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700

    file.write_text("its own by now")
    assert world.run(product, "configure", given).exit_code == 0
    assert file.read_text() == "its own by now", "the product keeps it itself from its first start on"


def test_somebody_that_left_needs_no_key(world: World, product: str) -> None:
    rotation = Rotation(world, product)
    gone = Server("i-9.global" if product == "nomad" else "i-9", "127.0.0.9:0", gossip="failed", lives=False)
    getattr(world, product).raft.members.append(gone)
    assert rotation.step("install")["done"]
