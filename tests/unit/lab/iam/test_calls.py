"""API calls as their services read them."""

import json

import pytest

from lab.aws.iam.calls import ApiCall, HttpRequest, read
from lab.aws.iam.errors import UnknownCallError


def of_bucket(method: str, path: str, query: str = "", bucket: str | None = "files") -> ApiCall:
    return read("s3", HttpRequest(method, path, query, bucket=bucket))


@pytest.mark.parametrize(
    ("method", "path", "query", "operation", "key"),
    [
        ("GET", "/deep/a%20b.zip", "", "GetObject", "deep/a b.zip"),
        ("GET", "/x", "versionId=1&x-id=GetObject", "GetObject", "x"),
        ("HEAD", "/x", "", "HeadObject", "x"),
        ("PUT", "/x", "x-id=PutObject", "PutObject", "x"),
        ("DELETE", "/x", "", "DeleteObject", "x"),
        ("POST", "/x", "uploads", "CreateMultipartUpload", "x"),
        ("PUT", "/x", "partNumber=1&uploadId=u", "UploadPart", "x"),
        ("POST", "/x", "uploadId=u", "CompleteMultipartUpload", "x"),
        ("DELETE", "/x", "uploadId=u", "AbortMultipartUpload", "x"),
        ("GET", "/", "list-type=2&prefix=nodes%2F", "ListObjects", ""),
        ("GET", "/", "location", "GetBucketLocation", ""),
        ("HEAD", "/", "", "HeadBucket", ""),
    ],
)
def test_s3_by_method_path_and_query(method: str, path: str, query: str, operation: str, key: str) -> None:
    call = of_bucket(method, path, query)
    assert (call.operation, call.text("Bucket"), call.text("Key")) == (operation, "files", key)
    by_path = of_bucket(method, f"/files{path}", query, bucket=None)
    assert (by_path.operation, by_path.text("Bucket"), by_path.text("Key")) == (operation, "files", key)


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("PUT", "/x", "acl"),
        ("GET", "/x", "tagging"),
        ("GET", "/", "policy"),
        ("PATCH", "/x", ""),
        ("POST", "/", "delete"),
    ],
)
def test_other_operations_of_s3_are_errors(method: str, path: str, query: str) -> None:
    with pytest.raises(UnknownCallError, match="s3:"):
        of_bucket(method, path, query)


def test_a_copy_is_not_taken_for_a_write() -> None:
    with pytest.raises(UnknownCallError, match="CopyObject"):
        read("s3", HttpRequest("PUT", "/x", "", bucket="files", copies=True))


def test_the_query_protocol_in_both_of_its_ways_to_list() -> None:
    request = HttpRequest(
        "POST", "/", "", body=b"Action=DescribeInstances&InstanceId.1=i-1&InstanceId.2=i-2&Filter.1.Name=n"
    )
    call = read("ec2", request)
    assert (call.operation, call.members("InstanceId")) == ("DescribeInstances", ["i-1", "i-2"])
    request = HttpRequest("POST", "/", "", body=b"Action=SuspendProcesses&ScalingProcesses.member.1=Launch")
    assert read("autoscaling", request).members("ScalingProcesses") == ["Launch"]


def test_json_by_its_target() -> None:
    body = json.dumps({"InstanceIds": ["i-1"]}).encode()
    call = read("ssm", HttpRequest("POST", "/", "", "AmazonSSM.SendCommand", body))
    assert (call.name, call.members("InstanceIds")) == ("ssm:SendCommand", ["i-1"])
    with pytest.raises(UnknownCallError, match="not JSON"):
        read("ssm", HttpRequest("POST", "/", "", body=b"\xa0"))


def test_lambda_by_its_path() -> None:
    path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af/invocations"
    call = read("lambda", HttpRequest("POST", path, ""))
    assert call.text("FunctionName") == "arn:aws:lambda:eu-west-1:123456789012:function:f"
    with pytest.raises(UnknownCallError, match="lambda:"):
        read("lambda", HttpRequest("GET", "/2015-03-31/functions/", ""))
