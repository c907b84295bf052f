"""Operators' PGP keys: what Vault can encrypt to is taken, everything else is told apart."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.domain.cluster_file import parse
from lambdas.domain.config import ClusterConfig
from lambdas.domain.errors import InvalidConfig
from lambdas.domain.pgp import problem_of

PUBLIC = (
    "mDMEawYjvxYJKwYBBAHaRw8BAQdAxfS5BG/KoDZU/fzn5wrLqMJP3dkmjmlAVc4DM3DL29S0GE9wIE9uZSA8b25lQGV4YW1wbGUu"
    "b3JnPoiQBBMWCAA4FiEEugE3AJ1ENe0HOYXYT4OW2jsfSGkFAmsGI78CGwMFCwkIBwIGFQoJCAsCBBYCAwECHgECF4AACgkQT4OW"
    "2jsfSGmfswD/daWZoqLowA5lNmb4PHsNQ+nTmxqErVW1QICFSSmY6qUBAPchKrh2KUGup1RdsCP7dqpr+7/wb/dYj6l6LL2w3TYJ"
    "uDgEawYjvxIKKwYBBAGXVQEFAQEHQAGHdcf6q/lAAK2fBDUYXd9tObZvORUIFISkacbiK21PAwEIB4h4BBgWCAAgFiEEugE3AJ1E"
    "Ne0HOYXYT4OW2jsfSGkFAmsGI78CGwwACgkQT4OW2jsfSGmrQQEAw4k6YyCC08GxRSIwx7JFqRExFALWs7CQxsjQY2TdBj4A/1/q"
    "yvSl39zvh8vfKXb0Q9/GAdCDnm6VPwYLgBNu9pUD"
)
"""Made for this test by gpg, whose private half nobody has: a key that signs, a subkey of curve 25519."""

SIGNING = (
    "mDMEawYjvxYJKwYBBAHaRw8BAQdAWb1Hm9xch6OrrI3Z+scGCzSWOYujJ8w+x8NK1MnAO0q0FlNpZ25lciA8c0BleGFtcGxlLm9y"
    "Zz6IkAQTFggAOBYhBF1AsHLUIkwk0cHce1CmaEB/C13yBQJrBiO/AhsDBQsJCAcCBhUKCQgLAgQWAgMBAh4BAheAAAoJEFCmaEB/"
    "C13y6A0A/3iGNRLrs0/lZmh5LOEVxnuo8X8aeVXVfOht6q9hdT7xAPoCTHHqd9BIePlFcLPqlImfZWmQTdAuzRzy7WnleLuHAw=="
)
"""The same without the subkey."""

DATA = base64.b64decode(PUBLIC)


def said(data: bytes) -> str:
    return problem_of(base64.b64encode(data).decode()) or ""


def test_a_public_key_that_encrypts_is_taken() -> None:
    assert problem_of(PUBLIC) is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----", "armoured"),
        (bytes([0x94]) + DATA[1:], "PRIVATE"),
        (DATA + DATA, "several keys"),
        (base64.b64decode(SIGNING), "can only sign"),
        (DATA[:-1], "no PGP key"),
        (DATA[:53], "no signed user id"),
        (DATA[53:], "no PGP public key"),
        (b"", "no PGP public key"),
        (b"ssh-ed25519", "no PGP key"),
    ],
)
def test_what_is_none_is_told_apart(data: bytes, words: str) -> None:
    assert words in said(data)


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_refused(data: bytes) -> None:
    assert said(data)


@settings(deadline=None)
@given(st.integers(0, len(DATA) - 1), st.binary(max_size=8))
def test_a_key_that_is_cut_or_overwritten_raises_nothing_else(at: int, text: bytes) -> None:
    assert said(DATA[:at])
    said(DATA[:at] + text + DATA[at + len(text) :])


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_refused(text: str) -> None:
    assert problem_of(text)


def refusal(vault: str) -> str:
    with pytest.raises(InvalidConfig) as refused:
        parse(f"name: demo\nvault: {vault}\n", source="x.yaml")
    return str(refused.value)


def test_the_cluster_file_takes_a_key_for_each_operator() -> None:
    config = parse(f"name: demo\nvault: {{recovery_pgp_keys: [{PUBLIC}]}}\n")
    assert config.vault.recovery_pgp_keys == (PUBLIC,)
    assert ClusterConfig.model_validate_json(config.model_dump_json()) == config


def test_the_cluster_file_says_which_key_is_wrong_and_why() -> None:
    words = refusal(f"{{recovery_pgp_keys: [{PUBLIC}, {SIGNING}]}}")
    assert words == "x.yaml: vault.recovery_pgp_keys.1: can only sign: add a subkey that encrypts"
    assert 'vault.recovery_pgp_keys.0: "keybase:me" is not base64' in refusal('{recovery_pgp_keys: ["keybase:me"]}')
    assert "a key is there twice" in refusal(f"{{recovery_pgp_keys: [{PUBLIC}, {PUBLIC}]}}")
    assert "use `seal: awskms`" in refusal(f"{{seal: shamir, recovery_pgp_keys: [{PUBLIC}]}}")
    assert "did you mean recovery_pgp_keys?" in refusal("{recovery_pgp_key: []}")
    assert "did you mean shamir?" in refusal("{seal: shamyr}")
