"""The disk that container hosts boot from: Debian 12 with systemd, and without what nodes must bring themselves."""

from lab.hosts.image.load import ensure, tag_of
from lab.hosts.image.root import SYSTEM, build

__all__ = ["SYSTEM", "build", "ensure", "tag_of"]
