"""Shells on nodes: the document that people name, what it promises, and what nodes may do for it."""

from typing import Any

from lambdas.domain import names
from tests.infrastructure.template import Template, actions, as_list

NEEDED = {"logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents"}


def document(template: Template) -> dict[str, Any]:
    _, properties = template.one("AWS::SSM::Document")
    return properties


def log_group(template: Template) -> tuple[str, dict[str, Any]]:
    return template.one("AWS::Logs::LogGroup", LogGroupName=names.log_group(template.config.name, "sessions"))


def data_key(template: Template) -> str:
    _, group = log_group(template)
    return str(group["KmsKeyId"]["Fn::GetAtt"][0])


def test_a_session_is_encrypted_and_its_log_too(template: Template) -> None:
    made = document(template)
    assert (made["Name"], made["DocumentType"]) == (f"quorate-{template.config.name}-session", "Session")
    content = made["Content"]
    assert (content["schemaVersion"], content["sessionType"]) == ("1.0", "Standard_Stream")
    inputs, (group, _) = content["inputs"], log_group(template)
    assert inputs["kmsKeyId"] == {"Fn::GetAtt": [data_key(template), "Arn"]}
    assert inputs["cloudWatchLogGroupName"] == {"Ref": group}
    assert inputs["cloudWatchEncryptionEnabled"] is True, "an agent that cannot see to it begins none"
    assert inputs["cloudWatchStreamingEnabled"] is True, "a node may be gone before the session's end"


def test_a_session_ends_by_itself(plain: Template) -> None:
    """Minutes, as text, within what Session Manager takes: 1 to 60, and 1 to 1,440."""
    inputs = document(plain)["Content"]["inputs"]
    assert 1 <= int(inputs["idleSessionTimeout"]) <= 60
    assert int(inputs["idleSessionTimeout"]) < int(inputs["maxSessionDuration"]) <= 1440


def test_every_node_may_write_to_that_log_and_read_none(template: Template) -> None:
    group, _ = log_group(template)
    for one in template.config.groups:
        statements = template.statements(template.role_of_group(one.name))
        assert {action for action in actions(statements) if action.startswith("logs:")} == NEEDED
        for statement in statements:
            written = set(as_list(statement["Action"])) & (NEEDED - {"logs:DescribeLogGroups"})
            if written:
                assert statement["Resource"] == {"Fn::GetAtt": [group, "Arn"]}


def test_a_node_decrypts_by_itself_what_is_of_a_session_and_nothing_else_of_that_key(template: Template) -> None:
    """Secrets and records are under the same key: they are read through their services alone."""
    key = {"Fn::GetAtt": [data_key(template), "Arn"]}
    for one in template.config.groups:
        conditions = [
            statement["Condition"]
            for statement in template.statements(template.role_of_group(one.name))
            if key in as_list(statement["Resource"]) and "kms:Decrypt" in as_list(statement["Action"])
        ]
        direct = [condition for condition in conditions if "kms:ViaService" not in str(condition)]
        assert direct == [{"Null": {"kms:EncryptionContext:aws:ssm:TargetId": "false"}}]


def test_the_stack_says_which_document(plain: Template) -> None:
    assert plain.content["Outputs"]["SessionDocument"]["Value"] == "quorate-plain-session"
