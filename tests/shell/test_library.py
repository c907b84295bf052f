"""What the library promises: exit codes and reasons, waiting, AWS that is busy or broken, files that arrive whole."""

import json
import re

import pytest

from tests.shell.scratch_node import SECRETS_PREFIX, ScratchNode
from tests.shell.stand_ins.cloud import BUCKET, Cloud
from tests.shell.stand_ins.metadata import Metadata
from tests.shell.test_every_document import command_lines


@pytest.mark.parametrize(
    ("line", "code", "reason"),
    [
        ('fail 69 "no \\"such\\" thing"', 69, 'no "such" thing'),
        ("false", 70, "line [0-9]+: 'false' ended with 1"),
        ("inner() { false; }; outer() { value=$(inner); }; outer", 70, "line [0-9]+: 'false' ended with 1"),
        ('inner() { fail 75 "not yet"; }; value=$(inner)', 75, "not yet"),
        ('while read -r _; do :; done <<<"$(fail 75 deep)"; result "{}"', 75, "deep"),
        ('echo "$nothing"', 70, "ended with 1"),
        ("exit 194", 70, "ended with 194"),  # what Systems Manager would take for a wish to reboot
        ("true", 70, "ended without a result"),
        ('printf \'a\\tb\\n%s\' \'c\\d\' >"$work_dir/x"; fail 70 "$(cat "$work_dir/x")"', 70, r"a\tb\nc\\d"),
    ],
)
def test_every_end_has_a_code_and_a_reason(node: ScratchNode, line: str, code: int, reason: str) -> None:
    ended = node.run_lines("result", line)
    assert ended.exit_code == code
    assert re.fullmatch(reason, ended.result["reason"])


def test_only_the_result_is_on_stdout_and_nothing_is_left(node: ScratchNode) -> None:
    ended = node.run_lines("result", "echo chatter", "result '{\"done\":true}'", "echo more")
    assert (ended.exit_code, ended.stdout, ended.stderr) == (0, '{"done":true}\n', "chatter\nmore\n")
    assert list(node.root.glob("var/lib/quorate/work.*")) == []


def test_an_error_quotes_the_script_and_not_the_values(node: ScratchNode) -> None:
    ended = node.run_lines("result", "password=hunter2", 'grep --quiet "$password" /dev/null')
    assert "$password" in ended.result["reason"]
    assert "hunter2" not in ended.stdout + ended.stderr


def test_waiting_ends_with_the_last_obstacle(node: ScratchNode) -> None:
    probe = "probe() { obstacle='the door is shut'; return 1; }"
    ended = node.run_lines("wait", probe, "wait_until 1 'the room' probe")
    assert (ended.exit_code, ended.result["reason"]) == (75, "the room: not within 1 s; the door is shut")


def test_a_service_that_systemd_gave_up_on_is_not_waited_for(node: ScratchNode) -> None:
    (node.root / ".units").mkdir()
    (node.root / ".units/consul.active").write_text("failed\n")
    ended = node.run_lines("service", "await_service 60 consul false")
    assert (ended.exit_code, ended.result["reason"]) == (70, "consul.service failed")
    assert "the last words of the service" in ended.stderr


def test_a_service_restarts_when_what_it_reads_changed_and_only_then(node: ScratchNode) -> None:
    for place in ("etc/consul.d/consul.json", "etc/systemd/system/consul.service", "etc/quorate/tls/node.pem"):
        (node.root / place).parent.mkdir(parents=True, exist_ok=True)
        (node.root / place).write_text("1")
    (node.root / "usr/local/bin/consul").write_text("1")

    def restarted() -> bool:
        before = len(node.calls())
        assert node.run_lines("service", "run_service consul", "result '{}'").exit_code == 0
        return any("restart consul" in call for call in node.calls()[before:])

    assert [restarted(), restarted()] == [True, False]
    for place in ("etc/consul.d/consul.json", "etc/quorate/tls/node.pem", "usr/local/bin/consul"):
        (node.root / place).write_text("2")
        assert [restarted(), restarted()] == [True, False], place


def test_curl_signs_as_botocore_does(node: ScratchNode, cloud: Cloud) -> None:
    """The gate recomputes each signature from what arrived; here S3, and a body that needs care."""
    cloud.make_secrets(SECRETS_PREFIX, ["odd"])
    cloud.put_object("a/key-with.many_signs/1.zip", b"content")
    ended = node.run_lines(
        "new_secrets",
        's3_get a/key-with.many_signs/1.zip "$work_dir/object"',
        "write_secret odd $'two\\nlines, \\\"quotes\\\", \\\\ and é'",
        'read_secret odd; result "$(jq -cn --arg value "$secret_value" \'{$value}\')"',
        SecretsPrefix=SECRETS_PREFIX,
        Generation="1",
    )
    assert ended.result == {"value": 'two\nlines, "quotes", \\ and é'}
    assert cloud.requests[0] == "GET /a/key-with.many_signs/1.zip"
    assert cloud.bad_signatures == []


def test_a_signature_with_a_wrong_secret_is_refused(node: ScratchNode, cloud: Cloud, metadata: Metadata) -> None:
    """The gate is no yes-man."""
    cloud.credentials = {**metadata.credentials, "SecretAccessKey": "another"}
    assert node.run_lines("aws", 's3_get key "$work_dir/object"').exit_code == 75
    assert cloud.bad_signatures == ["GET /key"]
    cloud.bad_signatures.clear()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("503 Service Unavailable", b"<Error><Code>SlowDown</Code></Error>"),
        ("400 Bad Request", b'{"__type":"ThrottlingException"}'),
        ("500 Internal Server Error", b""),
    ],
)
def test_a_busy_aws_is_asked_again(node: ScratchNode, cloud: Cloud, status: str, body: bytes) -> None:
    cloud.put_object("key", b"content")
    cloud.refuse = lambda what: (status, body) if len(cloud.requests) < 3 else None
    ended = node.run_lines("aws", 's3_get key "$work_dir/object"', 'result "{\\"is\\":\\"$(<"$work_dir/object")\\"}"')
    assert ended.result == {"is": "content"}
    assert len(cloud.requests) == 3


def test_an_aws_that_stays_busy_is_a_reason_to_come_back(node: ScratchNode, cloud: Cloud) -> None:
    cloud.refuse = lambda what: ("503 Service Unavailable", b"<Error><Code>SlowDown</Code></Error>")
    ended = node.run_lines("aws", "aws_patience_seconds=1", 's3_get key "$work_dir/object"')
    assert ended.exit_code == 75
    assert "503" in ended.result["reason"]


def test_expired_credentials_are_fetched_anew(node: ScratchNode, cloud: Cloud, metadata: Metadata) -> None:
    cloud.put_object("key", b"content")
    expired = ("400 Bad Request", b"<Error><Code>ExpiredToken</Code></Error>")
    cloud.refuse = lambda what: expired if len(cloud.requests) == 1 else None
    assert node.run_lines("aws", 's3_get key "$work_dir/object"', "result '{}'").exit_code == 0
    assert len(cloud.requests) == 2


def test_a_key_that_is_not_there_is_no_matter_of_patience(node: ScratchNode, cloud: Cloud) -> None:
    ended = node.run_lines("aws", 's3_get no/such.zip "$work_dir/object"')
    assert (ended.exit_code, ended.result["reason"]) == (70, f"bucket {BUCKET} has no object no/such.zip")


def test_a_second_writer_reads_what_the_first_one_wrote(node: ScratchNode, cloud: Cloud) -> None:
    cloud.make_secrets(SECRETS_PREFIX, ["token"])
    parameters = {"SecretsPrefix": SECRETS_PREFIX, "Generation": "1"}
    # Both have looked and found nothing before either writes.
    race = 'first=1; read_secret() { ((first)) && first=0 && return 1; real_read_secret "$@"; }'
    lines = (
        'eval "real_$(declare -f read_secret)"',
        race,
        "ensure_secret token make_token",
        'result "{\\"made\\":$secrets_made}"',
    )
    assert node.run_lines("new_secrets", *lines, **parameters).result == {"made": 1}
    value = cloud.secret(SECRETS_PREFIX + "token")
    assert node.run_lines("new_secrets", *lines, **parameters).result == {"made": 0}
    assert cloud.secret(SECRETS_PREFIX + "token") == value


def test_a_probe_of_the_key_store_never_hides_keys(node: ScratchNode, cloud: Cloud) -> None:
    cloud.make_secrets(SECRETS_PREFIX, ["vault/recovery-keys"])
    keys = json.dumps({"generation": 1, "recovery_keys": ["a"]})
    cloud.overwrite_secret(SECRETS_PREFIX + "vault/recovery-keys", keys)
    parameters = {"SecretsPrefix": SECRETS_PREFIX, "Generation": "1"}
    lines = "try_key_store", "read_key_store", 'result "{\\"kept\\":\\"$keys_kept\\"}"'
    ended = node.run_lines("key_store", *lines, **parameters)
    assert ended.result == {"kept": "foreign"}
    assert cloud.secret(SECRETS_PREFIX + "vault/recovery-keys") == keys


def test_a_file_set_may_not_climb(node: ScratchNode, cloud: Cloud) -> None:
    entry = {"path": "/etc/../root/x", "mode": "0644", "owner": "root", "group": "root", "content": "x"}
    put = cloud.put_file_set([entry])
    lines = f"fetch_file_set {put['ConfigurationKey']} {put['ConfigurationSha256']}", "write_file_set"
    ended = node.run_lines("configuration", *lines)
    assert (ended.exit_code, ended.result["reason"]) == (70, "the file set names the path '/etc/../root/x'")


def test_the_watch_for_secrets_sees_an_argument_and_an_environment(node: ScratchNode) -> None:
    """Otherwise its silence would mean nothing."""
    with command_lines() as seen:
        node.run_lines("result", "sleep 0.3 0.0001", "WHISPER=overheard sleep 0.3", "result '{}'")
    shown = "\n".join(seen)
    assert "0.0001" in shown
    assert "WHISPER=overheard" in shown
