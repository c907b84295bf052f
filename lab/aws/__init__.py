"""An AWS that fits into one process: moto, with the gaps filled that Quorate needs.

    from lab.aws import EmbeddedAws

    with EmbeddedAws(hosts, region="eu-west-1", time_scale=0.02) as aws:
        aws.deploy("cdk.out", "example")
        aws.client("autoscaling").set_desired_capacity(AutoScalingGroupName="...", DesiredCapacity=3)
        assert aws.drain(timeout=60)
        print([execution.status for execution in aws.executions("node_launch")])

`hosts` is what stands in for machines (`lab.hosts.seam.Hosts`). One module fills the gaps of one service, through
seams that are asserted when they are installed:

    instances            EC2 boots and ends machines
    auto_scaling         groups: launch, wait, replace, retain, scale in     auto_scaling_api, lifecycle_hooks,
                                                                             scaling_activities, capacity,
                                                                             instance_refresh
    run_command          SSM commands, and agents that run them              run_command_api, commands,
                                                                             command_delivery, ssm_documents
    lambda_functions     handlers in this process                            invocation
    event_bridge         rules, retries, dead letters                        event_targets, event_input
    step_functions       executions and their history                        step_functions_language (what moto reads
                                                                             otherwise), step_functions_tokens
    cloud_formation      stacks, and types that moto lacks                   cloud_formation_*, kms_keys,
                                                                             bucket_policies
    deployment           the output of `cdk synth` into stacks               public_parameters
    http_server          the same AWS for processes outside                  endpoints, object_stream
    api_gate             the door for all calls of this process              calls (who calls what), chaos (faults)
    iam                  whether the caller may: its role's policies, and the resource's

What they share: `cloud`, `seams`, `big_lock`, `background`, `clock`.

Every boto3 client of the process reaches the embedded AWS, Lambda handlers included; none reaches the real one.
"""

from lab.aws.chaos import Chaos
from lab.aws.embedded import EmbeddedAws
from lab.aws.step_functions import ExecutionRecord

__all__ = ["Chaos", "EmbeddedAws", "ExecutionRecord"]
