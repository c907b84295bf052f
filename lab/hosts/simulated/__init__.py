"""Hosts in process: the seam of `lab.hosts.seam`, with documents modelled instead of run.

A host here is a few dictionaries and no thread, so thousands are cheap. What is modelled is what Quorate decides about:
which file set a node was given, who joined which Raft cluster, who may vote, what was bootstrapped, what is sealed.
Everything that a script does to AWS is done for real (file sets and artifacts are read from S3 and verified, secrets
are written to Secrets Manager, certificate requests are made by a key pair).
"""

from lab.hosts.simulated.faults import Faults
from lab.hosts.simulated.hosts import SimulatedHosts

__all__ = ["Faults", "SimulatedHosts"]
