"""The whole as an object: one at a time, nothing left behind, nothing let through to the real AWS."""

import os
import threading
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest

from lab.aws import EmbeddedAws
from lab.aws.api_gate import RealAwsRefusedError
from lab.aws.background import Background
from lab.aws.big_lock import BigLock
from lab.aws.seams import SeamMovedError, Seams
from tests.contract.lab_aws.hosts import RecordingHosts
from tests.contract.lab_aws.template import STACK, small_application, write_assembly
from tests.contract.lab_aws.test_whole import scale
from tests.contract.lab_aws.waiting import wait_until


def test_closing_in_the_middle_leaves_no_thread_and_restores_the_process(tmp_path: Path) -> None:
    threads, environment, kind = set(threading.enumerate()), dict(os.environ), type(os.environ)
    hosts = RecordingHosts()
    hosts.answer = hosts.until_cancelled
    with EmbeddedAws(hosts) as aws:
        aws.deploy(write_assembly(tmp_path, small_application()), STACK)
        scale(aws, 2)
        assert wait_until(lambda: len(hosts.runs) == 2)
        assert not aws.drain(0.05)
    assert set(threading.enumerate()) == threads
    assert (dict(os.environ), type(os.environ)) == (environment, kind)


def test_there_is_one_at_a_time(aws: EmbeddedAws) -> None:
    with pytest.raises(RuntimeError, match="already open"), EmbeddedAws(RecordingHosts()):
        pass


def test_each_one_starts_empty() -> None:
    for _ in range(2):
        with EmbeddedAws(RecordingHosts(), region="us-west-2", account="111122223333") as aws:
            assert aws.client("sts").get_caller_identity()["Account"] == "111122223333"
            assert aws.client("dynamodb").list_tables()["TableNames"] == []
            schema = [{"AttributeName": "pk", "KeyType": "HASH"}]
            attributes = [{"AttributeName": "pk", "AttributeType": "S"}]
            aws.client("dynamodb").create_table(
                TableName="t", KeySchema=schema, AttributeDefinitions=attributes, BillingMode="PAY_PER_REQUEST"
            )


def test_each_one_starts_without_the_instances_of_those_before() -> None:
    """Auto Scaling looks EC2 up while moto empties both, which left EC2 out of what is emptied the next time."""
    found = []
    for groups in (True, False, False, True, False, False):  # whatever was there before this test
        with EmbeddedAws(RecordingHosts()) as aws:
            ec2 = aws.client("ec2")
            found.append(len(ec2.describe_instances()["Reservations"]))
            if groups:
                aws.client("autoscaling").describe_auto_scaling_groups()
            ec2.run_instances(ImageId="ami-0f1000000000000000", MinCount=1, MaxCount=1)
    assert found == [0] * 6


def test_no_client_reaches_the_real_aws_once_it_is_closed() -> None:
    with EmbeddedAws(RecordingHosts()) as aws:
        kept = boto3.client("sts", region_name=aws.region)
        assert kept.get_caller_identity()["Account"]
    with pytest.raises(RealAwsRefusedError):
        kept.get_caller_identity()


def test_concurrent_updates_are_not_lost(aws: EmbeddedAws) -> None:
    client = aws.client("dynamodb")
    schema, attributes = [{"AttributeName": "pk", "KeyType": "HASH"}], [{"AttributeName": "pk", "AttributeType": "S"}]
    client.create_table(TableName="t", KeySchema=schema, AttributeDefinitions=attributes, BillingMode="PAY_PER_REQUEST")

    def add() -> None:
        for _ in range(10):
            client.update_item(
                TableName="t",
                Key={"pk": {"S": "counter"}},
                UpdateExpression="ADD hits :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get_item(TableName="t", Key={"pk": {"S": "counter"}})["Item"]["hits"] == {"N": "80"}


def test_seams_fail_loudly_and_are_put_back() -> None:
    owner = SimpleNamespace(there=1)
    seams = Seams()
    seams.replace(owner, "there", 2)
    seams.wrap(owner, "there", lambda value: value + 1)
    seams.add(owner, "new", 4)
    assert (owner.there, owner.new) == (3, 4)
    for broken in (
        lambda: seams.replace(owner, "moved", 1),
        lambda: seams.wrap(owner, "moved", lambda value: value),
        lambda: seams.add(owner, "there", 1),
        lambda: seams.replace_everywhere("lab.aws", "moved", object(), 1),
    ):
        with pytest.raises(SeamMovedError):
            broken()
    seams.undo()
    assert owner.there == 1
    assert not hasattr(owner, "new")


def test_the_lock_can_be_let_go_however_often_it_is_held() -> None:
    lock, entered = BigLock(), threading.Event()

    def enter() -> None:
        with lock:
            entered.set()

    with lock, lock:
        other = threading.Thread(target=enter)
        other.start()
        assert not entered.wait(0.05)
        with lock.released():
            assert entered.wait(2)
        other.join()


def test_drain_waits_for_retries_but_not_for_timeouts() -> None:
    background, done = Background(), threading.Event()
    background.timer(30, done.set)
    assert background.drain(0.01)
    background.go_later(0.1, done.set)
    assert not background.drain(0.01)
    assert background.drain(2)
    assert done.is_set()
    background.timer(0, lambda: None).cancel()
    background.close()
