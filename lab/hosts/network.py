"""The lab's own network: a namespace that holds the VPC as a bridge.

Everything that the lab's hosts send stays in the namespace. The machine the lab runs on gets no interface, no
route and no firewall rule.
"""

import ctypes
import os
import subprocess
import threading
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import TracebackType

NAMESPACES = Path("/run/netns")
BRIDGE = "vpc"
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

    def unplug(self, address: str) -> None:
        """The fault 'cable pulled': the host lives on and reaches nobody."""
        self._batch(f"link set {_link_name(address)} down")

    def plug(self, address: str) -> None:
        """End `unplug`."""
        self._batch(f"link set {_link_name(address)} up")

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
        shown = subprocess.run(["ip", "-n", self.name, "link", "show", "dev", link], capture_output=True)
        return shown.returncode == 0

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
