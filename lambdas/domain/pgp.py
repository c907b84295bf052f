"""Whether a text is what Vault takes for an operator's PGP key: one public key to encrypt to, binary, in base64.

Packets are read as far as that needs (RFC 4880, sections 4 and 5.5); whether the key's signatures hold, Vault sees.
"""

import base64
from collections.abc import Iterator
from itertools import pairwise

SIGNATURE, SECRET_KEY, PUBLIC_KEY, SECRET_SUBKEY, USER_ID, PUBLIC_SUBKEY = 2, 5, 6, 7, 13, 14
ENCRYPTING = frozenset({1, 2, 16, 18})
"""Public-key algorithms: RSA, ElGamal, ECDH."""

KEY_FLAGS, ENCRYPT_FLAGS = 27, 0x0C
"""A subpacket of signatures; its bits for "encrypts communications" and "encrypts storage"."""

EXPORT = "gpg --export ID | base64 --wrap 0"


class _BrokenPacketError(Exception):
    pass


def problem_of(text: str) -> str | None:
    """What is wrong with it and what to do; None where nothing is."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return f"is not base64: write what `{EXPORT}` prints"
    if data.startswith(b"-----BEGIN"):
        return f"is armoured text in base64: write what `{EXPORT}` prints, without --armor"
    try:
        packets = list(_packets(data))
        encrypts = any(_encrypts(*pair) for pair in pairwise(packets))
    except _BrokenPacketError:
        return f"is no PGP key: write what `{EXPORT}` prints"
    tags = [tag for tag, _ in packets]
    if {SECRET_KEY, SECRET_SUBKEY} & set(tags):
        return "is a PRIVATE key: whoever has read this file has it; revoke it, and write a public one"
    if tags[:1] != [PUBLIC_KEY]:
        return f"is no PGP public key: write what `{EXPORT}` prints"
    if tags.count(PUBLIC_KEY) > 1:
        return "holds several keys: export one"
    if USER_ID not in tags or SIGNATURE not in tags:
        return "has no signed user id: export the whole key"
    if not encrypts:
        return "can only sign: add a subkey that encrypts"
    return None


def _encrypts(packet: tuple[int, bytes], next_one: tuple[int, bytes]) -> bool:
    """Whether it is a subkey, and the signature after it says that it encrypts.

    Of a version 4 key: a byte of version, four of time, one of algorithm.
    """
    (tag, key), (next_tag, signature) = packet, next_one
    is_subkey = tag == PUBLIC_SUBKEY and len(key) > 5 and key[0] == 4 and key[5] in ENCRYPTING
    return is_subkey and next_tag == SIGNATURE and bool(_key_flags(signature) & ENCRYPT_FLAGS)


def _key_flags(signature: bytes) -> int:
    """Of a version 4 signature: four bytes, then the length of the subpackets that it signs, and these."""
    if len(signature) < 6 or signature[0] != 4:
        return 0
    end = 6 + int.from_bytes(signature[4:6], "big")
    at, signed = 6, signature[:end]
    while at < len(signed):
        length, at = _new_length(signed, at)
        if length > 1 and signed[at : at + 1] and signed[at] & 0x7F == KEY_FLAGS and at + 1 < len(signed):
            return signed[at + 1]
        at += max(length, 1)
    return 0


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, body) of each; a length that is not said, or that the data does not have, breaks it."""
    at = 0
    while at < len(data):
        first, at = data[at], at + 1
        if not first & 0x80:
            raise _BrokenPacketError
        if first & 0x40:
            tag, (length, at) = first & 0x3F, _new_length(data, at)
        else:
            tag, size = first >> 2 & 0x0F, first & 3
            if size == 3:
                raise _BrokenPacketError
            length, at = int.from_bytes(data[at : at + 2**size], "big"), at + 2**size
        if at + length > len(data):
            raise _BrokenPacketError
        yield tag, data[at : at + length]
        at += length


def _new_length(data: bytes, at: int) -> tuple[int, int]:
    """The length, and where the body begins."""
    head = data[at : at + 5]
    if not head or 224 <= head[0] < 255:
        raise _BrokenPacketError
    if head[0] < 192:
        return head[0], at + 1
    if head[0] < 224:
        if len(head) < 2:
            raise _BrokenPacketError
        return (head[0] - 192 << 8) + head[1] + 192, at + 2
    return int.from_bytes(head[1:5], "big"), at + 5
