"""One boto3 client a service and region, made at first use: making one costs 30 ms and more."""

import os
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

RETRIES = Config(retries={"mode": "adaptive", "max_attempts": 5}, connect_timeout=5, read_timeout=30)


def client(service: str) -> Any:
    return _client(service, os.environ.get("AWS_REGION") or os.environ["AWS_DEFAULT_REGION"])


@cache
def _client(service: str, region: str) -> Any:
    return boto3.client(service, region_name=region, config=RETRIES)
