"""The steps of a node's life. A phase is a state of a state machine; who takes part in it is `components/`'s table."""

from enum import StrEnum


class Phase(StrEnum):
    INSTALL = "install"
    """Put verified files in place; nothing runs yet, nothing about the cluster is needed."""
    SECRETS = "secrets"
    """Fill the cluster's secrets, once, before anything uses them. Formation only, on the seed only."""
    CONFIGURE = "configure"
    """Write what the domain rendered for this node, and the secrets that the node fetches itself."""
    INTRODUCE = "introduce"
    """On a server, beside the phase before: say of a client that it may register, readable by that client alone."""
    START = "start"
    """Start the service and see that it answers on this host."""
    BOOTSTRAP = "bootstrap"
    """Make the cluster's first state (ACLs, Vault's keys), once. Formation only, on the seed only."""
    VERIFY = "verify"
    """See that the node is a member: a voter where it serves, unsealed, ready."""
    OBSERVE = "observe"
    """Tell the membership of each product that the node serves, as its leader sees it; change nothing."""
    HAND_OVER = "hand_over"
    """Give the product's leadership to another voter, and see that it leads."""
    DRAIN = "drain"
    """On a server: begin to move allocations off a client, and tell how many are left."""
    LEAVE = "leave"
    """Take the node out of the product's membership, before the host goes."""
    REMOVE = "remove"
    """From a node that stays: take one that left or is gone out of the product's membership, by its id."""
    REKEY = "rekey"
    """From one server: take the gossip of all members one step to a new key, and tell who has not followed."""
    REISSUE = "reissue"
    """On one server: make tokens beside those that nodes use, or delete the ones before."""
    ADOPT = "adopt"
    """Have the product of a node use the tokens that its secrets hold by now."""

    REQUEST = "request"
    """Make the node's next key beside the one in use, and the request for its certificate."""
    RELOAD = "reload"
    """Have the running service take up the certificate that is in place, and see that it serves it."""


NODE_PHASES = (Phase.INSTALL, Phase.CONFIGURE, Phase.START, Phase.VERIFY)
"""What every node goes through, in order."""

FORMATION_PHASES = (Phase.SECRETS, Phase.CONFIGURE, Phase.START, Phase.BOOTSTRAP)
"""What the founding servers go through together, in order, once in a cluster's life."""

SEED_PHASES = frozenset({Phase.SECRETS, Phase.BOOTSTRAP})
"""Phases that one server does for all."""
