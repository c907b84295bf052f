"""A node's certificate from the first request to the one that takes its place, and what a product makes of it."""

import os
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.shell.test_documents import run
from tests.shell.world import NO_PREREQUISITES, SITUATIONS, World, file_entry

TLS = "/etc/quorate/tls"
NEXT = "/etc/quorate/tls.next"
PRODUCTS = ("consul", "vault", "nomad")


def public_key(path: Path) -> object:
    content = path.read_bytes()
    if b"PRIVATE" in content:
        return load_pem_private_key(content, None).public_key()
    return x509.load_pem_x509_certificate(content).public_key()


def delivery(world: World, request: str) -> dict[str, str]:
    key = x509.load_pem_x509_csr(request.encode()).public_key()
    return world.cloud.put_file_set(
        [
            file_entry(f"{TLS}/ca.pem", world.authority.file.read_text(), mode="0644"),
            file_entry(f"{TLS}/node.pem", world.authority.issue(["i-0"], key), mode="0644"),  # type: ignore[arg-type]
        ]
    )


def begun(world: World) -> None:
    """It has a first certificate."""
    first = world.run("ca", "install", NO_PREREQUISITES).result["certificate_request"]
    assert world.run("ca", "configure", delivery(world, first)).result == {"changed": True}


def places(world: World) -> list[str]:
    return sorted(one.name for one in world.path("/etc/quorate/x").parent.iterdir() if one.name.startswith("tls-"))


def test_a_request_makes_another_key_and_leaves_the_one_in_use(world: World) -> None:
    begun(world)
    key, certificate = world.path(f"{TLS}/node.key").read_bytes(), world.path(f"{TLS}/node.pem").read_bytes()
    asked = world.run("ca", "request", {})
    assert asked.exit_code == 0, asked.stderr
    request = x509.load_pem_x509_csr(asked.result["certificate_request"].encode())
    assert request.public_key() == public_key(world.path(f"{NEXT}/node.key"))
    assert request.public_key() != public_key(world.path(f"{TLS}/node.key"))
    assert request.subject.rfc4514_string() == "O=quorate", "it asks for no name"
    assert not list(request.extensions)
    assert (world.path(f"{TLS}/node.key").read_bytes(), world.path(f"{TLS}/node.pem").read_bytes()) == (
        key,
        certificate,
    )
    assert world.path(f"{NEXT}/node.key").stat().st_mode & 0o777 == 0o640
    assert f"{NEXT}/node.key.new root:quorate-tls" in world.path("/.calls.owners").read_text()
    again = world.run("ca", "request", {})
    assert again.result == {**asked.result, "changed": False}, "as long as nobody answered it"


def test_key_and_certificate_change_places_together_and_the_old_key_is_gone(world: World) -> None:
    begun(world)
    before = public_key(world.path(f"{TLS}/node.key"))
    parcel = delivery(world, world.run("ca", "request", {}).result["certificate_request"])
    assert world.run("ca", "configure", parcel).result == {"changed": True}
    now = public_key(world.path(f"{TLS}/node.key"))
    assert now == public_key(world.path(f"{TLS}/node.pem")) != before
    assert not os.path.lexists(world.node.root / NEXT.lstrip("/"))
    assert len(places(world)) == 1
    assert world.run("ca", "configure", parcel).result == {"changed": False}, "the same command again"
    assert world.run("ca", "request", {}).result["changed"] is True, "the next key is another one"


def test_a_run_that_died_before_the_change_is_taken_up(world: World) -> None:
    """The certificate was written beside the next key, and the link was not moved."""
    begun(world)
    parcel = delivery(world, world.run("ca", "request", {}).result["certificate_request"])
    world.path(f"{NEXT}/node.pem").write_text("half a certifi")
    assert world.run("ca", "configure", parcel).result == {"changed": True}
    assert public_key(world.path(f"{TLS}/node.key")) == public_key(world.path(f"{TLS}/node.pem"))


def test_a_certificate_of_neither_key_changes_nothing(world: World) -> None:
    begun(world)
    stale = delivery(world, world.run("ca", "request", {}).result["certificate_request"])
    for name in ("node.key", "node.csr"):
        world.path(f"{NEXT}/{name}").unlink()
    world.run("ca", "request", {})
    before = world.node.state()
    ended = world.run("ca", "configure", stale)
    assert (ended.exit_code, ended.result["reason"]) == (70, "the certificate is for another key than this node's")
    assert world.node.state() == before


def test_nothing_is_renewed_that_was_never_there(world: World) -> None:
    assert world.run("ca", "install", NO_PREREQUISITES).exit_code == 0
    ended = world.run("ca", "request", {})
    assert (ended.exit_code, ended.result["reason"]) == (
        69,
        "missing on this node: a certificate that could be renewed",
    )


def serial_of(path: Path) -> str:
    return f"{x509.load_pem_x509_certificate(path.read_bytes()).serial_number:x}"


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_product_takes_the_certificate_up_without_a_restart(world: World, product: str) -> None:
    ended = run(world, product, "reload")
    serial = serial_of(world.path(f"{TLS}/node.pem"))
    assert ended.result == {"changed": True, "serial": serial}
    assert world.node.calls() == [f"systemctl reload {product}"]
    assert world.run(product, "reload", {}).result == {"changed": False, "serial": serial}


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_product_that_goes_on_serving_the_old_certificate_is_told(world: World, product: str) -> None:
    parameters = SITUATIONS[product, "reload"](world)
    getattr(world, product).reloads = lambda: None
    process = world.node.start(product, "reload", **parameters)
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=3)
    process.kill()
    process.communicate()
    assert f"systemctl reload {product}" in world.node.calls()


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_service_that_breaks_over_it_ends_the_reload(world: World, product: str) -> None:
    parameters = SITUATIONS[product, "reload"](world)
    getattr(world, product).reloads = lambda: world.path(f"/.units/{product}.active").write_text("failed\n") and None
    ended = world.run(product, "reload", parameters)
    assert ended.exit_code == 70
    assert f"{product}.service failed; it serves" in ended.result["reason"]


def test_a_product_that_does_not_run_is_a_reason_to_come_back(world: World) -> None:
    world.configured("vault")
    ended = world.run("vault", "reload", {})
    assert (ended.exit_code, ended.result["reason"]) == (75, "vault does not run")


def test_a_start_after_a_reload_restarts_nothing(world: World) -> None:
    """And one after a new configuration does."""
    start = SITUATIONS["consul", "start"](world)
    assert world.run("consul", "start", start).result == {"changed": True}
    certificate, key = world.authority.issue_files("another", ["127.0.0.1"])
    world.path(f"{TLS}/node.pem").write_bytes(certificate.read_bytes())
    world.path(f"{TLS}/node.key").write_bytes(key.read_bytes())
    told = world.path("/.units/consul.reloaded")
    world.consul.reloads = lambda: (certificate, key) if told.exists() else None
    assert world.run("consul", "reload", {}).result["changed"] is True
    assert world.run("consul", "start", start).result == {"changed": False}
    world.path("/etc/consul.d/consul.json").write_text("{ }\n")
    told.unlink()
    certificate, key = world.authority.issue_files("a third", ["127.0.0.1"])
    world.path(f"{TLS}/node.pem").write_bytes(certificate.read_bytes())
    world.path(f"{TLS}/node.key").write_bytes(key.read_bytes())
    assert world.run("consul", "reload", {}).result["changed"] is True
    assert world.run("consul", "start", start).result == {"changed": True}, "its configuration was not taken up"
