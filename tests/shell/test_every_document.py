"""What holds for every document: done twice it has been done once, a missing parameter is exit 64, a wrong checksum
touches nothing, and no secret is seen by anybody, however closely they look while it runs."""

import contextlib
import os
import threading
from collections.abc import Iterator

import pytest

from cdk_app import document_source
from tests.shell.scratch_node import DOCUMENTS, ScratchNode, document
from tests.shell.world import SITUATIONS, World

ALL = document_source.documents(DOCUMENTS)
ACCOUNTS = ("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/.pwd.lock")
CHECKSUMS = [
    (component, phase, parameter)
    for component, phase in ALL
    for parameter in document(component, phase)["parameters"]
    if parameter.endswith("Sha256") and not parameter.startswith("Prerequisites")
]


@pytest.mark.parametrize(("component", "phase"), ALL)
def test_done_twice_is_done_once_and_no_secret_is_seen(world: World, component: str, phase: str) -> None:
    parameters = SITUATIONS[component, phase](world)
    with command_lines() as seen:
        first = world.run(component, phase, parameters)
    assert first.exit_code == 0, first.stdout + first.stderr
    before = everything(world)

    second = world.run(component, phase, parameters)
    assert second.exit_code == 0, second.stdout + second.stderr
    assert everything(world) == before
    assert not second.result.get("changed")
    assert not second.result.get("made")

    shown = "\n".join([*seen, first.stdout, first.stderr, second.stdout, second.stderr])
    assert len(seen) > 1
    for secret in world.secrets():
        assert secret not in shown


@pytest.mark.parametrize(("component", "phase"), ALL)
def test_parameters_that_did_not_arrive_are_named(node: ScratchNode, component: str, phase: str) -> None:
    declared = document(component, phase)["parameters"]
    ended = node.run(component, phase, **dict.fromkeys(declared, ""))
    assert (ended.exit_code, ended.result) == (64, {"reason": f"missing parameters: {' '.join(declared)}"})
    assert node.calls() == []


@pytest.mark.parametrize(
    ("component", "phase"), [name for name in ALL if name[1] in ("start", "verify", "leave", "remove")]
)
def test_a_kind_that_is_none_is_refused(world: World, component: str, phase: str) -> None:
    ended = world.run(component, phase, SITUATIONS[component, phase](world) | {"Kind": "arbiter"})
    assert ended.exit_code == 64
    assert "'arbiter'" in ended.result["reason"]


@pytest.mark.parametrize(("component", "phase", "parameter"), CHECKSUMS)
def test_a_wrong_checksum_touches_nothing(world: World, component: str, phase: str, parameter: str) -> None:
    parameters = SITUATIONS[component, phase](world)
    key, wrong = parameters[parameter.replace("Sha256", "Key")], "0" * 64
    before, written = content(world), writes(world)
    ended = world.run(component, phase, parameters | {parameter: wrong})
    assert ended.exit_code == 70
    assert ended.result["reason"] == f"checksum of {key} is {parameters[parameter]}, manifest says {wrong}"
    if parameter != "ImageSha256":  # Docker is there by then; only the image is refused
        assert (content(world), writes(world)) == (before, written)


def everything(world: World) -> object:
    """All that a run could change: files, what the host was asked, the products' state, secrets."""
    vault, nomad, consul = world.vault, world.nomad, world.consul
    products = (vault.mounted, vault.written, vault.roots, vault.servers, nomad.tokens, nomad.policies, nomad.node)
    rafts = [(raft.peers, raft.members, raft.leader) for raft in (consul.raft, nomad.raft)]
    return (
        world.node.state(),
        world.node.calls(),
        sorted(world.secrets() - world.metadata.tokens - vault.every_root - set(nomad.introductions)),
        repr((products, rafts, consul.objects, consul.management, nomad.management)),
        repr((consul.gossip.rings, nomad.gossip.rings)),
        consul.writes,
    )


def content(world: World) -> set[tuple[str, str]]:
    """Of files; but the accounts that an install makes before it fetches anything."""
    state = world.node.state().items()
    return {(name, digest) for name, (digest, _, _) in state if not name.startswith(ACCOUNTS)}


def writes(world: World) -> list[str]:
    return world.consul.writes + world.nomad.writes + world.vault.writes


@contextlib.contextmanager
def command_lines() -> Iterator[set[str]]:
    """Arguments and environment of every process that starts meanwhile, as a neighbour on the host reads them."""
    seen: set[str] = set()
    done = threading.Event()
    others = set(os.listdir("/proc"))
    known: set[tuple[str, bytes]] = set()

    def watch() -> None:
        while not done.wait(0.001):
            for process in set(os.listdir("/proc")) - others:
                with contextlib.suppress(OSError):
                    line = process, _content(f"/proc/{process}/cmdline")
                    if line not in known:  # what a process is given changes when it becomes another program
                        known.add(line)
                        seen.add((line[1] + b"\n" + _content(f"/proc/{process}/environ")).decode(errors="replace"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def _content(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 1 << 17)
    finally:
        os.close(file)
