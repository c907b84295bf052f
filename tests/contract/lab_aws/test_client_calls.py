"""A client of this process is answered as one is that comes over HTTP, and no call is refused less."""

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

from lab.aws import EmbeddedAws

TABLE = {
    "TableName": "things",
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}
ITEM = {
    "pk": {"S": "one=1&two"},
    "count": {"N": "3"},
    "raw": {"B": b"\x00\xff"},
    "nested": {"M": {"list": {"L": [{"BOOL": True}, {"NULL": True}, {"S": "ü"}]}}},
}


@pytest.fixture
def filled(aws: EmbeddedAws) -> EmbeddedAws:
    aws.client("dynamodb").create_table(**TABLE)
    aws.client("dynamodb").put_item(TableName="things", Item=ITEM)
    aws.client("ssm").put_parameter(Name="/a/b", Value="x=1&y={2}", Type="String")
    aws.client("secretsmanager").create_secret(Name="secret", SecretString='{"a": "b"}')
    aws.client("sqs").create_queue(QueueName="queue")
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": aws.region})
    s3.put_object(Bucket="bucket", Key="a/b c+d.txt", Body=b"a=b&c", Metadata={"my_key": "1"}, ContentType="text/plain")
    return aws


ASKED: list[tuple[str, str, dict[str, Any]]] = [
    ("dynamodb", "get_item", {"TableName": "things", "Key": {"pk": ITEM["pk"]}}),
    ("dynamodb", "scan", {"TableName": "things"}),
    ("dynamodb", "describe_table", {"TableName": "things"}),
    ("ssm", "get_parameter", {"Name": "/a/b"}),
    ("secretsmanager", "get_secret_value", {"SecretId": "secret"}),
    ("sqs", "get_queue_url", {"QueueName": "queue"}),
    ("s3", "head_object", {"Bucket": "bucket", "Key": "a/b c+d.txt"}),
    ("s3", "list_objects_v2", {"Bucket": "bucket", "Prefix": "a/"}),
    ("autoscaling", "describe_auto_scaling_groups", {}),
]


@pytest.mark.parametrize(("service", "operation", "given"), ASKED, ids=lambda value: str(value) if value else "")
def test_an_answer_is_the_same_over_http(filled: EmbeddedAws, service: str, operation: str, given: Any) -> None:
    url = filled.serve().url
    over_http = boto3.client(service, region_name=filled.region, endpoint_url=url)
    answers = [getattr(client, operation)(**given) for client in (filled.client(service), over_http)]
    for answer in answers:
        assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    here, there = (str(answer).replace(url, f"https://sqs.{filled.region}.amazonaws.com") for answer in answers)
    assert here == there


def test_an_object_is_what_was_put(filled: EmbeddedAws) -> None:
    found = filled.client("s3").get_object(Bucket="bucket", Key="a/b c+d.txt")
    assert (found["Body"].read(), found["Metadata"], found["ContentType"]) == (b"a=b&c", {"my_key": "1"}, "text/plain")


def test_a_client_refuses_what_the_model_does_not_have(filled: EmbeddedAws) -> None:
    with pytest.raises(ParamValidationError, match="Unknown parameter"):
        filled.client("dynamodb").get_item(TableName="things", Key={"pk": {"S": "x"}}, Consistent=True)


def test_an_error_has_its_class_and_its_fields(filled: EmbeddedAws) -> None:
    dynamodb = filled.client("dynamodb")
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as caught:
        dynamodb.put_item(
            TableName="things",
            Item=ITEM,
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert caught.value.response["Item"] == ITEM
    with pytest.raises(ClientError, match="ParameterNotFound"):
        filled.client("ssm").get_parameter(Name="/nobody")


def test_a_checksum_that_follows_a_body_is_no_part_of_it(filled: EmbeddedAws) -> None:
    """As clients send it that were made before the embedded AWS said what they need not send."""
    eager = boto3.client("s3", region_name=filled.region, config=Config(request_checksum_calculation="when_supported"))
    eager.put_object(Bucket="bucket", Key="k", Body=b"one")
    assert eager.get_object(Bucket="bucket", Key="k")["Body"].read() == b"one"
    assert eager.head_object(Bucket="bucket", Key="k", ChecksumMode="ENABLED")["ChecksumCRC32"] == "emyG8Q=="


def test_what_is_signed_in_its_url_is_signed(filled: EmbeddedAws) -> None:
    url = filled.client("s3").generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "k"})
    assert "Signature=" in url


def test_a_query_finds_its_partition_in_order(aws: EmbeddedAws) -> None:
    dynamodb = aws.client("dynamodb")
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    kinds = [{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}]
    dynamodb.create_table(**TABLE | {"KeySchema": keys, "AttributeDefinitions": kinds})
    for pk, sk in (("b", "2"), ("a", "1"), ("b", "10"), ("b", "1")):
        dynamodb.put_item(TableName="things", Item={"pk": {"S": pk}, "sk": {"S": sk}})
    asked = {"TableName": "things", "KeyConditionExpression": "pk = :pk"}
    found = dynamodb.query(**asked, ExpressionAttributeValues={":pk": {"S": "b"}}, Limit=2)
    assert [item["sk"]["S"] for item in found["Items"]] == ["1", "10"]
    rest = dynamodb.query(
        **asked, ExpressionAttributeValues={":pk": {"S": "b"}}, ExclusiveStartKey=found["LastEvaluatedKey"]
    )
    assert [item["sk"]["S"] for item in rest["Items"]] == ["2"]
    assert dynamodb.query(**asked, ExpressionAttributeValues={":pk": {"S": "nobody"}})["Items"] == []
    assert dynamodb.list_tables()["TableNames"] == ["things"]
