"""Consul, Vault, Nomad and everything else that a node installs, at pinned versions, in a cache on this machine.

`obtain` answers for the products themselves, `bundle.gather` for all that a cluster's bucket holds (packages and
container images too), `manifest.upload` puts it there. `python -m lab.products` fills the cache and shows progress.
"""

from lab.products.artifact import Artifact
from lab.products.obtain import obtain

__all__ = ["Artifact", "obtain"]
