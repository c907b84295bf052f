"""What can go wrong, named by what to do next. The class names are the names in the state machines' Retry and Catch."""


class QuorateError(Exception):
    """Any refusal of ours. The message says what was attempted, on what, and what was seen."""


class EventNotOurs(QuorateError):
    """The event is of another group, hook or cluster, a test notification, or already taken: drop it."""


class NodeNotReady(QuorateError):
    """Something that was asked for is not there yet: ask again (exit codes 69 and 75, agent not online)."""


class NodeFailed(QuorateError):
    """The node cannot become a member: abandon it, Auto Scaling replaces it (exit code 70 and unknown ones)."""


class BadParameter(QuorateError):
    """A document was given what it refuses (exit code 64): our defect, never retried."""


class FormationFailed(QuorateError):
    """An attempt to form the cluster ended without one: the next attempt goes on from the record."""


class QuorumAtRisk(QuorateError):
    """The change could cost quorum, or it cannot be seen whether it would: stop and call a human."""


class LeaseLost(QuorateError):
    """The membership lease is another's by now, or its time is over: change nothing, take another turn."""


class ClusterProtected(QuorateError):
    """The breaker is open, or attempts are used up: replacing more instances would only burn them."""


class InvalidConfig(QuorateError):
    """A cluster file that cannot become a cluster; the message lists every problem with key path and remedy."""


class Throttled(QuorateError):
    """AWS asked to slow down: retried with jitter."""
