"""The lab's own network: a namespace that holds the VPC as a bridge.

Everything that the lab's hosts send stays in the namespace. The machine the lab runs on gets no interface, no
route and no firewall rule.
"""

import ctypes
import json
import os
import subprocess
import threading
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import TracebackType

NAMESPACES = Path("/run/netns")
BRIDGE = "vpc"
PARTITION = "part"
WITHIN, ACROSS = 10, 11
"""Priorities of the rules for what is forwarded within a partition, and for all else: behind the one for the
namespace's own addresses, which is 0."""
HOST_INTERFACE = "ens5"  # what Nitro instances call their first interface
METADATA_ADDRESS = "169.254.169.254"
RESOLVER_ADDRESS = "169.254.169.253"

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def lab_name() -> str:
    """`quorate-lab`, or `quorate-lab-<suffix>` where QUORATE_LAB names a second lab on the same machine."""
    suffix = os.environ.get("QUORATE_LAB", "")
    return f"quorate-lab-{suffix}" if suffix else "quorate-lab"


class LabNetwork:
    """A network namespace with a bridge that is the VPC's router, its resolver and its metadata address."""

    def __init__(self, name: str, vpc_cidr: str) -> None:
        self.name = name
        self.vpc = IPv4Network(vpc_cidr)
        self.router_address = str(self.vpc[1])
        self._subnet_routers = {self.router_address}
        self._partitions = 0
        self._lock = threading.Lock()

    @classmethod
    def create(cls, name: str = "", vpc_cidr: str = "10.77.0.0/16") -> "LabNetwork":
        """Make the namespace, or take over the one a killed lab left (its hosts are swept separately)."""
        network = cls(name or lab_name(), vpc_cidr)
        if not network._mounted:
            network.remove()
            _ip("netns", "add", network.name)
        if not network._has(BRIDGE):
            network._batch(f"link add {BRIDGE} type bridge")
        network._batch(
            "link set lo up",
            # Without an address of its own a bridge has the lowest of its ports': a host that joined could change the
            # router's, and all others would send into the void until their ARP entries aged.
            f"link set {BRIDGE} address {mac_address(network.router_address)} up",
            f"addr replace {network.router_address}/{network.vpc.prefixlen} dev {BRIDGE}",
            f"addr replace {METADATA_ADDRESS}/32 dev {BRIDGE}",
            f"addr replace {RESOLVER_ADDRESS}/32 dev {BRIDGE}",
        )
        network._become_router()
        return network

    def exists(self) -> bool:
        """Also where there is no more of it than the file that `ip netns add` makes and then mounts on."""
        return (NAMESPACES / self.name).exists()

    @property
    def _mounted(self) -> bool:
        return os.path.ismount(NAMESPACES / self.name)

    def enter(self) -> "Visit":
        """Move the calling thread into the namespace; as a context manager, back out again at the end.

        A socket belongs to the namespace of the thread that made it, for as long as it lives, and a new thread
        starts in the namespace of the thread that starts it.
        """
        return Visit(NAMESPACES / self.name)

    def attach(self, process_id: int, address: str, subnet_cidr: str) -> None:
        """Give the machine whose first process is `process_id` the interface and address that EC2 assigned."""
        subnet = IPv4Network(subnet_cidr)
        router = str(subnet[1])
        link = _link_name(address)
        with self._lock:
            lines = [
                f"link add {link} type veth peer name {HOST_INTERFACE} address {mac_address(address)}"
                f" netns {process_id}",
                f"link set {link} master {BRIDGE} up",
            ]
            if router not in self._subnet_routers:
                # Each subnet has a router of its own at its first address, as in a VPC.
                lines.append(f"addr replace {router}/32 dev {BRIDGE}")
                self._subnet_routers.add(router)
            self._batch(*lines)
        commands = [
            "link set lo up",
            f"addr add {address}/{subnet.prefixlen} broadcast + dev {HOST_INTERFACE}",
            f"link set {HOST_INTERFACE} up",
            f"route add default via {router} dev {HOST_INTERFACE}",
        ]
        _run(["nsenter", f"--net=/proc/{process_id}/ns/net", "ip", "-batch", "-"], "\n".join(commands))

    def detach(self, address: str) -> None:
        """Take a host's interface away; one that went with its host is no mistake."""
        if self._has(_link_name(address)):
            subprocess.run(["ip", "-n", self.name, "link", "del", _link_name(address)], capture_output=True)

    def partition(self, *addresses: str) -> None:
        """The fault 'network split': these hosts reach each other, and no other host. What the router stands for (AWS,
        metadata, names) they still reach.

        They get a bridge of their own. It answers for the router's addresses, which are the namespace's and not one
        bridge's; what would be forwarded from it or to it is dropped.
        """
        with self._lock:
            self._partitions += 1
            bridge = f"{PARTITION}{self._partitions}"
            self._batch(
                f"link add {bridge} type bridge",
                f"link set {bridge} address {mac_address(self.router_address)} up",
                f"rule add iif {bridge} priority {ACROSS} blackhole",
            )
            for address in addresses:
                self._batch(
                    f"link set {_link_name(address)} master {bridge}",
                    f"route replace {address}/32 dev {bridge}",
                    f"rule add to {address}/32 iif {bridge} priority {WITHIN} lookup main",
                    f"rule add to {address}/32 iif {BRIDGE} priority {ACROSS} blackhole",
                )

    def heal(self) -> None:
        """End every `partition`, whichever of its hosts are still there."""
        with self._lock:
            for link in self._links("type", "veth"):
                self._batch(f"link set {link} master {BRIDGE}")
            for bridge in self._links("type", "bridge"):
                if bridge != BRIDGE:
                    self._batch(f"link delete {bridge}")  # and with it its routes
            for priority in (WITHIN, ACROSS):
                while self._succeeds("rule", "delete", "priority", str(priority)):
                    continue  # one of them each time

    def remove(self) -> None:
        """Remove the namespace and with it every interface in it."""
        if self._mounted:
            _ip("netns", "del", self.name)
        (NAMESPACES / self.name).unlink(missing_ok=True)

    def _become_router(self) -> None:
        with self.enter():  # /proc/sys/net shows the namespace of the thread that opens it
            settings = Path("/proc/sys/net/ipv4")
            (settings / "ip_forward").write_text("1")
            for scope in ("all", BRIDGE):
                # Both ends of a path between two subnets hang on one bridge: a VPC's router never says so.
                (settings / "conf" / scope / "send_redirects").write_text("0")

    def _has(self, link: str) -> bool:
        return self._succeeds("link", "show", "dev", link)

    def _succeeds(self, *arguments: str) -> bool:
        return subprocess.run(["ip", "-n", self.name, *arguments], capture_output=True).returncode == 0

    def _links(self, *which: str) -> list[str]:
        shown = subprocess.run(
            ["ip", "-n", self.name, "-json", "link", "show", *which], capture_output=True, check=True, text=True
        )
        return [link["ifname"] for link in json.loads(shown.stdout or "[]") if link]

    def _batch(self, *commands: str) -> None:
        _run(["ip", "-n", self.name, "-batch", "-"], "\n".join(commands))


class Visit:
    """The calling thread's stay in a namespace. Leave on the thread that entered."""

    def __init__(self, namespace: Path) -> None:
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            with namespace.open() as there:
                _setns(there.fileno())
        except OSError:
            os.close(self._home)
            raise

    def __enter__(self) -> "Visit":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _setns(self._home)
        os.close(self._home)


def mac_address(address: str) -> str:
    """The interface's address, the same each time: locally administered (0a), then the IPv4 address."""
    return ":".join(f"{byte:02x}" for byte in (0x0A, 0xFF, *IPv4Address(address).packed))


def _link_name(address: str) -> str:
    return f"host{int(IPv4Address(address)):08x}"


def _setns(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"setns: {os.strerror(code)}")


def _ip(*arguments: str) -> None:
    _run(["ip", *arguments], "")


def _run(command: list[str], text: str) -> None:
    done = subprocess.run(command, input=text, text=True, capture_output=True)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}\n{text}")
