"""boto3's errors in the domain's words, translated once."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from lambdas.domain.errors import Throttled

THROTTLES = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RateExceeded",
        "SlowDown",
    }
)


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def translated(attempt: str) -> Iterator[None]:
    """Raise Throttled for any of AWS's ways to say so; everything else passes as it is."""
    try:
        yield
    except ClientError as error:
        if code_of(error) in THROTTLES:
            raise Throttled(f"{attempt}: {error}") from error
        raise
