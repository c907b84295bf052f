"""Vault told of Nomad's keys: not before it is the cluster's Vault, and as often as it takes until Nomad answers."""

import subprocess

from tests.shell.stand_ins.vault import accessor_of
from tests.shell.world import SITUATIONS, World

CONFIG = "auth/jwt-nomad/config"


def bootstrap(world: World) -> dict[str, str]:
    return SITUATIONS["vault_workloads", "bootstrap"](world)


def test_vault_is_told_where_nomad_s_keys_are_and_whom_to_believe(world: World) -> None:
    ended = world.run("vault_workloads", "bootstrap", bootstrap(world))
    assert (ended.exit_code, ended.result) == (0, {"written": 1}), ended.stderr
    assert world.vault.written[CONFIG] == {
        "jwks_url": "https://127.0.0.1:4646/.well-known/jwks.json",
        "jwks_ca_pem": world.authority.file.read_text(),
        "jwt_supported_algs": "RS256",
        "default_role": "nomad-workloads",
    }


def test_it_waits_for_nomad(world: World) -> None:
    """Vault refuses an address at which nobody answers."""
    parameters = bootstrap(world)
    world.vault.keys_answer = False
    asked = []

    def answer_from_now_on(what: str) -> None:
        if what == f"POST {CONFIG}":
            asked.append(what)
            world.vault.keys_answer = len(asked) == 3

    world.vault.done = answer_from_now_on
    assert world.run("vault_workloads", "bootstrap", parameters).exit_code == 0
    assert len(asked) == 4


def test_it_asks_nothing_while_vault_is_alone_and_may_still_be_emptied(world: World) -> None:
    parameters = bootstrap(world)
    alone = world.path("/etc/vault.d/alone")
    alone.mkdir()
    pauses = world.path("/.pauses")
    world.node.replace("sleep", f"#!/bin/bash\necho >>{pauses}\n[[ $(grep -c '' {pauses}) -lt 3 ]] || rm -rf {alone}\n")
    too_early: list[str] = []
    world.vault.done = lambda what: too_early.append(what) if alone.exists() else None
    assert world.run("vault_workloads", "bootstrap", parameters).result == {"written": 1}
    assert len(pauses.read_text().splitlines()) == 3
    assert too_early == []


def test_cut_off_it_is_done_by_the_next_run(world: World) -> None:
    parameters = bootstrap(world)
    running: list[subprocess.Popen[str]] = []
    world.vault.done = lambda what: running[0].kill() if what == f"POST {CONFIG}" else None
    running.append(world.node.start("vault_workloads", "bootstrap", **parameters))
    running[0].communicate(timeout=60)
    assert running[0].returncode == -9
    world.vault.done = lambda what: None
    assert world.run("vault_workloads", "bootstrap", parameters).result == {"written": 1}


def test_a_job_s_policy_names_the_auth_method_as_vault_does(world: World) -> None:
    """Vault chooses the accessor when the method is mounted."""
    assert world.run("vault_init", "bootstrap", SITUATIONS["vault_init", "bootstrap"](world)).exit_code == 0
    policy = world.vault.written["sys/policies/acl/nomad-workloads"]["policy"]
    claims = f"identity.entity.aliases.{accessor_of('jwt-nomad/')}.metadata"
    own = f"secret/data/{{{{{claims}.nomad_namespace}}}}/{{{{{claims}.nomad_job_id}}}}"
    assert policy.splitlines()[0] == f'path "{own}" {{ capabilities = ["read"] }}'
    assert "<accessor" not in policy
    assert world.vault.mounted["mounts"]["secret/"]["type"] == "kv"
