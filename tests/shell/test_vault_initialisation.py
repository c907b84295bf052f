"""Vault's initialisation, cut off wherever the outside can see how far it is, and taken up: one Vault, whose keys are
kept, and no root token. What is not this run's own is never touched."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lambdas.domain.phases import Phase
from tests.builders import a_config
from tests.shell.scratch_node import CLUSTER, SECRETS_PREFIX, follow
from tests.shell.world import FORMATION, SITUATIONS, World

RECOVERY = SECRETS_PREFIX + "vault/recovery-keys"
PUT = "secretsmanager.PutSecretValue"
DROP_IN = "/etc/systemd/system/vault.service.d/alone.conf"

STEPS = {
    "after the probe": (PUT, 1),
    "alone, before it is initialised": ("GET sys/init", 2),
    "after init, before its answer is stored": ("PUT sys/init", 1),
    "after the store, before the audit device": (PUT, 2),
    "after the audit device": ("PUT sys/audit/file", 1),
    "after the engine of secrets": ("POST sys/mounts/secret", 1),
    "after the auth method": ("POST sys/auth/cert", 1),
    "after the policies": ("PUT sys/policies/acl/quorate-server", 1),
    "before the root token is revoked": ("POST sys/storage/raft/autopilot/configuration", 1),
    "after the root token is revoked": ("POST auth/token/revoke-self", 1),
    "after the keys are kept": (PUT, 3),
    "among the others again": ("GET sys/init", 5),
}


def bootstrap(world: World) -> dict[str, str]:
    return SITUATIONS["vault_init", "bootstrap"](world)


def bootstrap_by_shares(world: World) -> dict[str, str]:
    world.vault.by_shares = True
    config = a_config(name=CLUSTER, vault={"seal": "shamir"})
    return bootstrap(world) | world.rendered("vault_init", Phase.BOOTSTRAP, config)


def kept(world: World) -> list[str]:
    return list(json.loads(world.cloud.secret(RECOVERY) or "{}").get("recovery_keys", []))


def cut_off(world: World, parameters: dict[str, str], what: str, times: int) -> None:
    """The script, killed when `what` has been done so many times: no trap runs, and the answer reaches nobody."""
    seen: list[str] = []
    running: list[subprocess.Popen[str]] = []

    def watch(done: str) -> None:
        if done == what:
            seen.append(done)
            if len(seen) == times:
                running[0].kill()

    world.cloud.done = world.vault.done = watch
    running.append(world.node.start("vault_init", "bootstrap", **parameters))
    _, words = running[0].communicate(timeout=60)
    assert len(seen) >= times, words
    assert running[0].returncode == -9, words
    world.cloud.done = world.vault.done = lambda done: None


@pytest.mark.parametrize(("what", "times"), STEPS.values(), ids=STEPS)
def test_wherever_it_is_cut_off_it_is_taken_up(world: World, what: str, times: int) -> None:
    parameters = bootstrap(world)
    cut_off(world, parameters, what, times)
    already = kept(world)

    ended = world.run("vault_init", "bootstrap", parameters)
    assert ended.exit_code == 0, ended.stderr
    assert ended.result == {"initialised": not already, "root_token": "revoked"}
    assert world.vault.roots == set()
    assert kept(world) == world.vault.recovery_keys != []
    assert kept(world) == (already or kept(world)), "kept keys are never written over"
    assert {"file/"} == world.vault.mounted["audit"].keys()
    assert "cert/" in world.vault.mounted["auth"]
    assert not world.path(DROP_IN).exists()
    assert not world.path("/etc/vault.d/alone").exists()


def test_nothing_is_asked_of_vault_with_its_root_token_before_answer_and_audit_are_kept(world: World) -> None:
    order: list[str] = []
    world.cloud.done = world.vault.done = order.append
    assert world.run("vault_init", "bootstrap", bootstrap(world)).exit_code == 0
    changes = [
        what for what in order if not what.startswith("GET") and what.endswith(("Value", "init", "file", "cert"))
    ]
    assert changes[1:6] == [
        "secretsmanager.GetSecretValue",
        "PUT sys/init",
        PUT,
        "PUT sys/audit/file",
        "POST sys/auth/cert",
    ]
    assert changes[0] == PUT, "the write test comes first"


def test_vault_is_alone_while_it_is_made(world: World) -> None:
    """On loopback, with nobody to join; and it would come back so from a reboot."""
    parameters = bootstrap(world)
    cut_off(world, parameters, "PUT sys/audit/file", 1)
    configuration = json.loads(world.path("/etc/vault.d/alone/vault.json").read_text())
    assert configuration["listener"][0]["tcp"]["address"] == "127.0.0.1:8200"
    assert configuration["listener"][0]["tcp"]["cluster_address"] == "127.0.0.1:8201"
    assert "retry_join" not in configuration["storage"]["raft"]
    assert "-config=/etc/vault.d/alone/vault.json" in world.path(DROP_IN).read_text()


def test_a_store_that_does_not_keep_is_seen_before_vault_is_initialised(world: World) -> None:
    parameters = bootstrap(world)
    world.cloud.refuse = lambda what: (
        ("400 Bad Request", b'{"__type":"AccessDeniedException"}') if what == PUT else None
    )
    ended = world.run("vault_init", "bootstrap", parameters)
    assert ended.exit_code == 70
    assert "AccessDeniedException" in ended.result["reason"]
    assert "PUT sys/init" not in world.vault.writes


def test_a_store_that_fails_after_initialisation_leaves_nothing_that_cannot_be_made_anew(world: World) -> None:
    parameters = bootstrap(world)
    refused = {"__type": "AccessDeniedException"}
    world.cloud.refuse = lambda what: (
        ("400 Bad Request", json.dumps(refused).encode()) if what == PUT and world.vault.initialised else None
    )
    assert world.run("vault_init", "bootstrap", parameters).exit_code == 70
    assert world.vault.roots == set(), "a script that fails revokes its root token"
    world.cloud.refuse = lambda what: None
    assert world.run("vault_init", "bootstrap", parameters).result["initialised"]
    assert kept(world) == world.vault.recovery_keys


def test_a_vault_that_somebody_else_initialised_is_not_touched(world: World) -> None:
    parameters = bootstrap(world)
    world.vault.initialised = True
    ended = world.run("vault_init", "bootstrap", parameters)
    assert (ended.exit_code, kept(world)) == (70, [])
    assert "not by generation 1" in ended.result["reason"]
    assert world.vault.initialised
    assert not world.path(DROP_IN).exists()


def test_a_vault_of_another_generation_is_not_emptied(world: World) -> None:
    parameters = bootstrap(world)
    cut_off(world, parameters, "PUT sys/init", 1)
    ended = world.run("vault_init", "bootstrap", parameters | {"Generation": "2"})
    assert ended.exit_code == 70
    assert world.vault.initialised
    assert "nothing of it is touched" in ended.result["reason"]


@pytest.mark.parametrize("phase", ["secrets", "bootstrap"])
def test_keys_of_another_generation_are_left_alone(world: World, phase: str) -> None:
    parameters = bootstrap(world)
    keys = json.dumps({"generation": 1, "recovery_threshold": 1, "recovery_keys": ["a"]})
    world.cloud.overwrite_secret(RECOVERY, keys)
    given = FORMATION if phase == "secrets" else parameters
    ended = world.run("vault_init", phase, given | {"Generation": "2"})
    assert ended.exit_code == 70
    assert "keys that generation 2 did not store" in ended.result["reason"]
    assert world.cloud.secret(RECOVERY) == keys
    assert "PUT sys/init" not in world.vault.writes


def test_of_two_servers_that_make_a_vault_one_keeps_its_keys_and_the_other_joins(world: World) -> None:
    """Another server's keys are kept while this one still works on its own Vault, which it empties then."""
    parameters = bootstrap(world)
    others = json.dumps({"recovery_keys": ["theirs"]})

    emptied: list[bool] = []

    def watch(done: str) -> None:
        if done == "POST auth/token/revoke-self":
            store_as(world, "i-0000000000000000b", others)
        elif done == "GET sys/init" and kept(world) and not world.vault.initialised:
            emptied.append(True)
            world.vault.initialised = not world.path(DROP_IN).exists()  # among the others it joins

    world.vault.done = watch
    ended = world.run("vault_init", "bootstrap", parameters)
    assert ended.result == {"initialised": False, "root_token": "revoked"}
    assert "another server has made the cluster's Vault" in ended.stderr
    assert world.cloud.secret(RECOVERY) == others
    assert emptied
    again = world.run("vault_init", "bootstrap", parameters)
    assert again.result["initialised"] is False
    assert world.vault.initialised, "a Vault that it has joined is not emptied"


def store_as(world: World, instance_id: str, value: str) -> None:
    """What the script stores on another server: by its own lines, with the same request token."""
    token = world.node.run_lines(
        "key_store", 'result "\\"$(write_token "$key_secret AWSCURRENT generation 1")\\""', **FORMATION
    ).stdout.strip()
    world.cloud.client("secretsmanager").put_secret_value(
        SecretId=RECOVERY,
        SecretString=value,
        ClientRequestToken=json.loads(token),
        VersionStages=["AWSCURRENT", f"QUORATE_STORED_BY_{instance_id}"],
    )


def test_two_runs_on_one_server_do_not_mix(world: World) -> None:
    parameters = bootstrap(world)
    runs = [world.node.start("vault_init", "bootstrap", **parameters) for _ in range(2)]
    ended: list[Any] = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], ended
    assert sorted(json.loads(out)["initialised"] for out, _ in ended) == [False, True]
    assert kept(world) == world.vault.recovery_keys


def test_the_unfinished_keys_are_stored_where_no_reader_of_keys_looks(world: World, tmp_path: Path) -> None:
    cut_off(world, bootstrap(world), "PUT sys/audit/file", 1)
    assert kept(world) == []
    unfinished = json.loads(world.cloud.secret(RECOVERY, "QUORATE_UNFINISHED") or "{}")
    assert unfinished["recovery_keys"] == world.vault.recovery_keys


def test_key_shares_are_kept_and_open_vault_at_once(world: World) -> None:
    parameters = bootstrap_by_shares(world)
    assert world.run("vault_init", "bootstrap", parameters).result == {"initialised": True, "root_token": "revoked"}
    assert kept(world) == world.vault.recovery_keys
    assert (world.vault.sealed, world.vault.roots) == (False, set())


@pytest.mark.parametrize(("what", "times"), [("PUT sys/init", 1), ("PUT sys/unseal", 3), ("PUT sys/unseal", 4)])
def test_a_vault_of_shares_is_taken_up_too(world: World, what: str, times: int) -> None:
    """Cut off before it is open, with shares given in part, and when it has just been opened."""
    parameters = bootstrap_by_shares(world)
    cut_off(world, parameters, what, times)
    assert world.run("vault_init", "bootstrap", parameters).result["initialised"]
    assert kept(world) == world.vault.recovery_keys
    assert (world.vault.sealed, world.vault.roots) == (False, set())


def test_shares_that_a_run_gave_in_part_do_not_spoil_the_next(world: World) -> None:
    parameters = SITUATIONS["vault_unseal", "verify"](world)
    world.vault.answer("PUT", "sys/unseal", {}, {"key": world.vault.recovery_keys[4]}, "", False)
    assert world.run("vault_unseal", "verify", parameters).result == {"sealed": False, "changed": True}
    assert world.vault.writes == ["PUT sys/unseal"] * 4
    assert world.run("vault_unseal", "verify", parameters).result == {"sealed": False, "changed": False}


def test_where_kms_unseals_no_share_is_read(world: World) -> None:
    parameters = SITUATIONS["vault_unseal", "verify"](world)
    world.vault.by_shares = False
    running = world.node.start("vault_unseal", "verify", **parameters)
    follow(running, lambda: world.vault.requests.count(("GET", "sys/seal-status")) >= 3)
    world.vault.sealed = False
    stdout, _ = running.communicate(timeout=60)
    assert json.loads(stdout) == {"sealed": False, "changed": False}
    assert not [what for what in world.cloud.requests if what.endswith("GetSecretValue")]
