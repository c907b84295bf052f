"""What makes an evaluation impossible. These are errors of the lab or of a policy, never an answer to a caller."""


class IamError(Exception):
    """The evaluation cannot say what AWS would; the message names what it does not know."""


class PolicyError(IamError):
    """A policy document that AWS would not take, or an element of the language that is not built here."""


class UnknownConditionKeyError(IamError):
    """A statement asks for a key of which nobody here says whether the request has it."""


class UnknownCallError(IamError):
    """An API call without a row in `lab/aws/iam/services`."""
