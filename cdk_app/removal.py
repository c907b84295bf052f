"""What outlives the stack, and for how long logs are kept."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs

KEPT = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
"""What a cluster cannot be restored without: keys, secrets, its record. A failed first deployment leaves nothing."""

REMOVED_WITH_STACK = RemovalPolicy.DESTROY

LOG_RETENTION = logs.RetentionDays.THREE_MONTHS
"""As long as Step Functions keeps an execution's history (90 days): both halves of a story end together."""
