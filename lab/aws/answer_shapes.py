"""What a client reads of an answer, straight from the objects that moto answers with.

On the way over a wire moto writes them as text by the operation's shape, and the client reads that by the same shape.
Each reading here is what both do to a value together.
"""

import functools
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from botocore.parsers import DEFAULT_TIMESTAMP_PARSER
from moto.core.model import OperationModel, Shape
from moto.core.serialize import (
    AttributePickerContext,
    EC2Serializer,
    JSONSerializer,
    QuerySerializer,
    ResponseSerializer,
    TimestampSerializer,
    XFormedAttributePicker,
)
from moto.core.utils import MISSING, get_value

Read = Callable[[Any], Any]
Transformers = tuple[tuple[str, Callable[[Any], Any]], ...]

SERIALIZERS = (EC2Serializer, QuerySerializer, JSONSerializer)
"""By the very class: those of services that have words of their own derive from these."""

_ABSENT = object()
"""Of a value that leaves no trace in the text."""

_possible_keys = XFormedAttributePicker().get_possible_keys
_time_as_text = TimestampSerializer("")._convert_timestamp_to_str


class OnlyAsTextError(Exception):
    """What the text says of a value is not what its shape says."""


def reading_of(
    model: OperationModel, serializer: type[ResponseSerializer], transformers: Mapping[str, Callable[[Any], Any]]
) -> Read:
    """How the operation's result is read. Raises OnlyAsTextError where only the text tells."""
    return _reading(model, serializer, tuple(transformers.items()))


@functools.lru_cache(maxsize=1024)
def _reading(model: OperationModel, serializer: type[ResponseSerializer], transformers: Transformers) -> Read:
    if serializer not in SERIALIZERS or model.has_streaming_output or model.has_event_stream_output:
        return _only_as_text
    if model.output_shape is None:
        return lambda result: {}
    shapes = (_Json if serializer is JSONSerializer else _Xml)(serializer.DEFAULT_TIMESTAMP_FORMAT, transformers)
    if not shapes.tell_all(model.output_shape, set()):
        return _only_as_text
    read = shapes.reading(model.output_shape, f"{model.name}.{model.output_shape.name}")
    return lambda result: {} if result is None else read(result)


def _only_as_text(result: Any) -> Any:
    raise OnlyAsTextError


class _Shapes:
    """Readings by shape. A path has the keys from the operation's name on: moto's transformers go by how it ends."""

    def __init__(self, time_format: str, transformers: Transformers) -> None:
        self._time_format = time_format
        self._transformers = transformers

    def tell_all(self, shape: Any, seen: set[str]) -> bool:
        """Whether each value below that shape has a reading here."""
        if shape.name in seen:
            return True
        if not hasattr(self, f"_{shape.type_name}"):
            return False
        seen.add(shape.name)
        if shape.type_name == "structure":
            plain = not shape.is_document_type and not shape.is_tagged_union
            return plain and all(self.tell_all(member, seen) for member in shape.members.values())
        if shape.type_name == "list":
            return self.tell_all(shape.member, seen)
        return shape.type_name != "map" or (self.tell_all(shape.key, seen) and self.tell_all(shape.value, seen))

    def reading(self, shape: Any, path: str) -> Read:
        return getattr(self, f"_{shape.type_name}")(shape, path)  # type: ignore[no-any-return]

    def _structure(self, shape: Any, path: str) -> Read:
        members: list[_Member] = []

        def read(value: Any) -> Any:
            if value is None:
                return _ABSENT
            if not members:  # made at first use, since shapes contain themselves
                members[:] = [self._member(shape, name, f"{path}.{name}") for name in shape.members]
            found = {}
            for member in members:
                one = member.of(value)
                if one is not _ABSENT:
                    found[member.name] = one
            return found

        return read

    def _member(self, parent: Any, name: str, path: str) -> "_Member":
        shape = parent.members[name]
        shape.parent = parent  # for moto's aliases
        change = next((change for end, change in self._transformers if path.endswith(end)), None)
        return _Member(name, shape, self.reading(shape, path), change)

    def _integer(self, shape: Any, path: str) -> Read:
        return int

    _long = _integer

    def _float(self, shape: Any, path: str) -> Read:
        return float

    _double = _float

    def _blob(self, shape: Any, path: str) -> Read:
        return lambda value: value.encode() if isinstance(value, str) else bytes(value)

    def _timestamp(self, shape: Any, path: str) -> Read:
        time_format = shape.serialization.get("timestampFormat", self._time_format)
        return lambda value: _instant(value, time_format)


class _Json(_Shapes):
    def tell_all(self, shape: Any, seen: set[str]) -> bool:
        if shape.type_name == "map" and self._transformers:
            return False  # paths go by its keys
        if shape.type_name == "list" and shape.member.serialization.get("name", shape.member.name) != shape.member.name:
            return False  # moto writes its items as they are
        return super().tell_all(shape, seen)

    def _list(self, shape: Any, path: str) -> Read:
        item = self.reading(shape.member, f"{path}.{shape.member.name}")
        return lambda value: [None if (given := item(one)) is _ABSENT else given for one in value]

    def _map(self, shape: Any, path: str) -> Read:
        inner = self.reading(shape.value, path)
        return lambda value: {
            _json_key(key): given for key, one in value.items() if (given := inner(one)) is not _ABSENT
        }

    def _string(self, shape: Any, path: str) -> Read:
        return _json_string

    def _boolean(self, shape: Any, path: str) -> Read:
        return _json_boolean


class _Xml(_Shapes):
    """Text cannot tell an empty flattened list from none, nor an item without members."""

    def _list(self, shape: Any, path: str) -> Read:
        item = self.reading(shape.member, f"{path}.{shape.member.name}")
        nothing: tuple[Any, ...] = (_ABSENT, {}) if shape.member.type_name == "structure" else (_ABSENT,)
        flattened = shape.is_flattened

        def read(value: Any) -> Any:
            found = [given for one in value if (given := item(one)) not in nothing]
            return _ABSENT if flattened and not found else found

        return read

    def _map(self, shape: Any, path: str) -> Read:
        inner, flattened = self.reading(shape.value, f"{path}.value"), shape.is_flattened

        def read(value: Any) -> Any:
            found = {str(key): inner(one) for key, one in value.items() if one is not None}
            return _ABSENT if flattened and not found else found

        return read

    def _string(self, shape: Any, path: str) -> Read:
        return str

    def _boolean(self, shape: Any, path: str) -> Read:
        return lambda value: str(value).lower() == "true"


class _Member:
    """Of a structure: where moto finds it in an object, and how what is found there is read."""

    def __init__(self, name: str, shape: Shape, read: Read, change: Read | None) -> None:
        self.name = name
        self._shape = shape
        self._read = read
        self._change = change
        self._keys: dict[type, tuple[str, ...]] = {}

    def of(self, owner: Any) -> Any:
        kind = type(owner)
        keys = self._keys.get(kind)
        if keys is None:
            context = AttributePickerContext(owner, self.name, self._shape)
            keys = self._keys[kind] = tuple(dict.fromkeys(_possible_keys(context)))
        value = None
        for key in keys:
            if kind is dict and key not in owner:
                continue
            found = get_value(owner, key, MISSING)
            if found is not MISSING:
                value = found
                break
        if self._change is not None:
            value = self._change(value)
        return _ABSENT if value is None else self._read(value)


def _json_string(value: Any) -> Any:
    if isinstance(value, Enum):
        value = value.value
    return value if value in (None, {}, []) else str(value)


def _json_boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise OnlyAsTextError
    return value


def _json_key(key: Any) -> str:
    if not isinstance(key, str):
        raise OnlyAsTextError
    return key


@functools.lru_cache(maxsize=4096)
def _instant(value: Any, time_format: str) -> Any:
    return DEFAULT_TIMESTAMP_PARSER(_time_as_text(value, time_format))
