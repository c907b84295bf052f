"""What rings: each alarm has a runbook under docs/runbooks that says what to look at first."""

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from lambdas.domain.config import ClusterConfig

METRICS = {"namespace": "Quorate", "service": "quorate"}
"""As `lambdas/observability.py` has them; a test compares."""

PERIOD = Duration.minutes(5)


@dataclass(frozen=True)
class Ringing:
    """`runbook` is a file name in docs/runbooks, without its suffix; it names the alarm too."""

    runbook: str
    meaning: str
    metric: cloudwatch.IMetric
    of: str = ""
    """The group, where there is an alarm for each."""


class Alarms(Construct):
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: ClusterConfig,
        machines: dict[str, stepfunctions.StateMachine],
        dead_letters: sqs.Queue,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, id)
        failed = {flow: machine.metric_failed(statistic="Sum", period=PERIOD) for flow, machine in machines.items()}
        ringing = [
            Ringing("launch-failed", "a node was abandoned and is being replaced", failed["node_launch"]),
            Ringing("formation-failed", "an attempt to form the cluster ended without one", failed["form_cluster"]),
            Ringing("termination-undecided", "an instance waits: nothing answered its hook", failed["node_terminate"]),
            Ringing(
                "termination-held", "a server could not be shown to be dispensable: retained", counted("InstancesHeld")
            ),
            Ringing("membership-needs-a-human", "what is seen of membership decides nothing", counted("HumansCalled")),
            Ringing(
                "certificates-expire", "a node's certificate ends soon, unrenewed", counted("CertificatesExpiring")
            ),
            Ringing("renewal-failed", "a server's certificate could not be renewed", failed["renew_certificates"]),
            Ringing("rotation-waits", "a rotation of secrets waits for a node", counted("RotationsWaiting")),
            Ringing("sweep-failed", "nobody looked after what events missed", failed["sweep"]),
            Ringing(
                "event-lost",
                "an event could not be delivered, or its handler failed for good",
                dead_letters.metric_approximate_number_of_messages_visible(statistic="Maximum", period=PERIOD),
            ),
            *(
                Ringing("launching-stopped", f"{name} launches nothing more", breaker_metric(name), of=name)
                for name in (group.name for group in config.groups)
            ),
        ]
        for one in ringing:
            self._alarm(config.name, one, topic)

    def _alarm(self, cluster: str, one: Ringing, topic: sns.ITopic) -> None:
        alarm = cloudwatch.Alarm(
            self,
            f"{one.runbook}-{one.of}".removesuffix("-"),
            alarm_description=f"Quorate cluster {cluster}: {one.meaning}. See docs/runbooks/{one.runbook}.md",
            metric=one.metric,
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(topic))


def breaker_metric(group: str) -> cloudwatch.Metric:
    return counted("BreakerOpened", group=group)


def counted(name: str, **dimensions: str) -> cloudwatch.Metric:
    """A metric of a handler. Powertools adds the service to every metric's dimensions."""
    return cloudwatch.Metric(
        namespace=METRICS["namespace"],
        metric_name=name,
        dimensions_map={**dimensions, "service": METRICS["service"]},
        statistic="Sum",
        period=PERIOD,
    )
