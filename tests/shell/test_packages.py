"""What a node adds of its system's own packages: from the bucket, or else from the system's repositories."""

from pathlib import Path

import pytest

from tests.shell.scratch_node import Ended
from tests.shell.world import NO_PREREQUISITES, SITUATIONS, World, tar_of

TOOLS = {"jq": "jq /usr/bin/jq\n", "unzip": "unzip /usr/bin/unzip\n"}
NO_DOCKER = {"PackagesKey": "-", "PackagesSha256": "-"}
DEBIAN, AMAZON = "apt-get", "dnf"
"""By what a node of that kind installs."""


@pytest.fixture(params=[DEBIAN, AMAZON])
def bare(world: World, request: pytest.FixtureRequest) -> World:
    """A node without jq, unzip and Docker's daemon, whose repositories have them."""
    world.node.without("jq", "unzip", *(["dnf"] if request.param == DEBIAN else ["apt-get", "dpkg"]))
    docker = "docker.io" if request.param == DEBIAN else "docker"
    for package, brings in {**TOOLS, docker: "dockerd /bin/true\n"}.items():
        in_repositories(world, package).write_text(brings)
    return world


def in_repositories(world: World, name: str) -> Path:
    return world.path(f"/.repositories/{name}")


def install(world: World, component: str = "consul", **changes: str) -> Ended:
    return world.run(component, "install", SITUATIONS[component, "install"](world) | changes)


@pytest.mark.parametrize("component", ["ca", "consul", "vault", "nomad", "cni", "docker"])
@pytest.mark.parametrize("bare", [DEBIAN], indirect=True)
def test_missing_tools_come_from_the_systems_repositories(bare: World, component: str) -> None:
    parameters = SITUATIONS[component, "install"](bare) | (NO_DOCKER if component == "docker" else {})
    first = bare.run(component, "install", parameters)
    assert first.exit_code == 0, first.stderr
    asked = bare.node.calls()
    assert bare.run(component, "install", parameters).exit_code == 0
    assert bare.node.calls() == asked


def test_docker_comes_from_the_systems_repositories(bare: World) -> None:
    parameters = SITUATIONS["docker", "install"](bare) | NO_DOCKER
    first = bare.run("docker", "install", parameters)
    assert first.exit_code == 0, first.stderr
    assert (first.result["changed"], first.result["version"]) == (True, "20.10.24+dfsg1")
    asked = bare.node.calls()
    again = bare.run("docker", "install", parameters)
    assert (again.exit_code, again.result["changed"]) == (0, False)
    assert bare.node.calls() == asked


def test_what_the_bucket_has_comes_from_the_bucket(world: World) -> None:
    packages = tar_of({f"{name}.deb": brings for name, brings in TOOLS.items()})
    prerequisites = world.artifact("artifacts/prerequisites.tar.gz", packages, "Prerequisites")
    world.node.without("jq", "unzip")
    assert install(world, **prerequisites).exit_code == 0
    assert install(world, "vault", **prerequisites).exit_code == 0
    assert install(world, "docker", **prerequisites).exit_code == 0
    programs = [call.split()[0] for call in world.node.calls()]
    assert programs.count("dpkg") == 2, "the tools and Docker, each once"
    assert "apt-get" not in programs


def test_a_node_that_reaches_no_repository_says_what_it_lacks_and_what_helps(bare: World) -> None:
    in_repositories(bare, "unreachable").touch()
    ended = install(bare)
    assert ended.exit_code == 69
    reason = ended.result["reason"]
    command = "apt-get" if (bare.node.bin / "apt-get").exists() else "dnf"
    lack = "missing on this node: jq unzip; the bucket has no packages for its system"
    assert reason.startswith(f"{lack}, and {command} brings none (Failed to ")
    assert "give it a way to its repositories" in reason
    assert ("make artifacts" in reason) == (command == "apt-get")
    in_repositories(bare, "unreachable").unlink()
    assert install(bare).exit_code == 0, "what is retried goes on"


def test_a_repository_that_never_answers_is_not_waited_for(bare: World) -> None:
    in_repositories(bare, "hang").touch()
    bare.node.time_flies = True
    ended = install(bare)
    assert ended.exit_code == 69
    assert "did not end in time" in ended.result["reason"]


@pytest.mark.parametrize("bare", [DEBIAN], indirect=True)
def test_who_holds_the_lock_of_dpkg_is_waited_for(bare: World) -> None:
    bare.path("/.dpkg_locked").touch()
    bare.node.time_flies = True
    ended = install(bare)
    assert (ended.exit_code, ended.result["reason"]) == (75, "another program holds dpkg's lock")
    assert bare.node.calls().count("dpkg") == 2


def test_packages_without_the_tools_are_said(bare: World) -> None:
    in_repositories(bare, "unzip").write_text("")
    ended = install(bare)
    assert (ended.exit_code, ended.result["reason"]) == (69, "missing on this node: unzip; its packages have none")


def test_a_node_that_can_install_nothing_says_so(world: World) -> None:
    world.node.without("jq", "apt-get", "dnf")
    ended = install(world, **NO_PREREQUISITES)
    assert ended.exit_code == 69
    assert ended.result["reason"].startswith("missing on this node: jq; and neither apt-get nor dnf")
