"""What moto works out anew each time although it is always the same: which methods a service has, how an expression
reads, where an account keeps a service, what package all functions share. Each takes longer than what it is for.
"""

import copy
import functools
import pickle
from typing import Any

import moto.awslambda.models
from moto.core import responses as moto_responses
from moto.core.base_backend import BackendDict
from moto.core.utils import method_names_from_class
from moto.dynamodb.parsing import validators
from moto.dynamodb.parsing.ast_nodes import Expression
from moto.dynamodb.parsing.expressions import UpdateExpressionParser

from lab.aws.cloud import Cloud
from lab.aws.seams import SeamMovedError


class Memory:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def install(self) -> None:
        if moto_responses.method_names_from_class is not method_names_from_class:
            raise SeamMovedError("moto's responses find the methods of a service in another way")
        self._cloud.seams.replace(moto_responses, "method_names_from_class", _method_names)
        self._cloud.seams.wrap(moto.awslambda.models, "_s3_content", _read_once)
        self._cloud.seams.wrap(UpdateExpressionParser, "make", _read_expression_once)
        self._cloud.seams.replace(validators, "deepcopy", _copy)
        self._cloud.seams.wrap(BackendDict, "__getitem__", _look_up)


@functools.cache
def _method_names(service: type) -> frozenset[str]:
    return frozenset(method_names_from_class(service))


def _read_expression_once(make: Any) -> Any:
    """Who validates an expression copies it first, and nobody else changes it."""
    return staticmethod(functools.lru_cache(maxsize=1024)(make))


_pickled = functools.lru_cache(maxsize=1024)(pickle.dumps)


def _copy(one: Any) -> Any:
    return pickle.loads(_pickled(one)) if isinstance(one, Expression) else copy.deepcopy(one)  # noqa: S301 - our own


def _look_up(make: Any) -> Any:
    """moto looks through all services' backends for one that it has at hand.

    The first time it has to: what it has not looked up since it emptied all, it does not empty the next time.
    """
    looked_up: set[int] = set()

    def found(backends: BackendDict[Any], account: str) -> Any:
        there = dict.get(backends, account) if id(backends) in looked_up else None
        if there is None:
            there = make(backends, account)
            looked_up.add(id(backends))
        return there

    return found


def _read_once(read: Any) -> Any:
    """A function's package, by its digest: two dozen functions share one of 12 MB."""
    contents: dict[str, Any] = {}

    def content(key: Any) -> Any:
        if key.etag not in contents:
            contents[key.etag] = read(key)
        return contents[key.etag]

    return content
