"""`make artifacts`: the mirror, for a cluster in an AWS account."""

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from lab.cli.output import Output
from lab.products.manifest import manifest_of, upload
from lab.products.obtain import obtain
from lab.products.progress import Bars
from lambdas.domain import cluster_file, names
from lambdas.domain.errors import InvalidConfig


def mirror(output: Output, cluster: "Path") -> None: ...
