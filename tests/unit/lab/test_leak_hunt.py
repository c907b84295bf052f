"""How introductions of clients are looked for, which are made by the dozen and stored by nobody."""

import base64
import json

import pytest

from lab.leak_hunt import Place, hunt, introduction_marks


def a_token(before: str, name: str) -> str:
    claims = json.dumps({before: 1, "sub": f"node-introduction:global:default:{name}:default", "exp": 1})
    parts = (json.dumps({"alg": "RS256"}), claims, "signature")
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


@pytest.mark.parametrize("before", ["a", "ab", "abc"], ids=len)
@pytest.mark.parametrize("spelled", ["plain", "hex", "base64"])
def test_an_introduction_is_found_wherever_its_subject_begins(before: str, spelled: str) -> None:
    token = f"token={a_token(before, 'i-1')}".encode()
    text = {"plain": token, "hex": token.hex().encode(), "base64": base64.b64encode(token)}[spelled]
    assert {leak.where for leak in hunt(introduction_marks(), [Place("here", b"x" + text)])} == {"here"}


def test_what_only_speaks_of_one_is_none() -> None:
    said = b"node-introduction:global:default:i-1:default refused; https://x/v1/acl/identity/client-introduction-token"
    assert hunt(introduction_marks(), [Place("a log", said)]) == []
