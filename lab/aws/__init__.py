"""An AWS that fits into one process: moto, with the gaps filled that Quorate needs.

    from lab.aws import EmbeddedAws

    with EmbeddedAws(hosts, region="eu-west-1", time_scale=0.02) as aws:
        aws.deploy("cdk.out", "example")
        aws.client("autoscaling").set_desired_capacity(AutoScalingGroupName="...", DesiredCapacity=3)
        assert aws.drain(timeout=60)
        print([execution.status for execution in aws.executions("node_launch")])

`hosts` is what stands in for machines (`lab.hosts.seam.Hosts`). One module fills the gaps of one service, through
seams that are asserted when they are installed:

    instances            EC2 boots and ends machines          auto_scaling*, lifecycle_hooks, capacity
    run_command*         SSM commands and agents              lambda_functions, invocation
    event_bridge         rules, retries, dead letters         event_targets, event_input
    step_functions*      executions, tokens, language         cloud_formation*, deployment
    http_server          the same AWS for processes outside   chaos: faults on demand; calls: who calls what

Every boto3 client of the process reaches the embedded AWS, Lambda handlers included; none reaches the real one.
"""

from lab.aws.chaos import Chaos
from lab.aws.embedded import EmbeddedAws
from lab.aws.step_functions import ExecutionRecord

__all__ = ["Chaos", "EmbeddedAws", "ExecutionRecord"]
