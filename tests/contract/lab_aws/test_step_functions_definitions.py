"""Definitions that differ in ARNs alone are parsed once, and each keeps its own."""

import json

import pytest
from moto.stepfunctions.parser.asl.parse.asl_parser import ASLParserException

from lab.aws import EmbeddedAws, step_functions_definitions

ROLE = "arn:aws:iam::123456789012:role/any"


def definition(function: str) -> str:
    arn = f"arn:aws:lambda:eu-west-1:123456789012:function:{function}"
    return json.dumps({"StartAt": "Tell", "States": {"Tell": {"Type": "Pass", "Result": [arn, arn, "x"], "End": True}}})


def test_each_machine_keeps_its_own_arns(aws: EmbeddedAws) -> None:
    parsed = step_functions_definitions._parsed.cache_info().misses
    api = aws.client("stepfunctions")
    for name in ("one", "two"):
        machine = api.create_state_machine(name=name, definition=definition(name), roleArn=ROLE)["stateMachineArn"]
        api.start_execution(stateMachineArn=machine)
    assert aws.drain()
    for name in ("one", "two"):
        [execution] = aws.executions(name)
        arn = f"arn:aws:lambda:eu-west-1:123456789012:function:{name}"
        assert execution.output == [arn, arn, "x"]
    assert step_functions_definitions._parsed.cache_info().misses == parsed + 1


def test_an_error_is_told_as_moto_tells_it() -> None:
    with pytest.raises(ASLParserException, match="StartAt"):
        step_functions_definitions.parse(definition("three").replace('"StartAt"', '"StartsAt"'))
