"""EC2: describing names no resource."""

from lab.aws.iam.needs import Rows, anywhere

DESCRIBING = (
    "DescribeAvailabilityZones",
    "DescribeInstances",
    "DescribeInstanceStatus",
    "DescribeInstanceTypes",
    "DescribeNetworkInterfaces",
    "DescribeRegions",
    "DescribeSubnets",
    "DescribeTags",
    "DescribeVolumes",
    "DescribeVpcs",
)

ROWS: Rows = {operation: anywhere(f"ec2:{operation}") for operation in DESCRIBING}
