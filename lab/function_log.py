"""What handlers log, kept while it is open: in an account, CloudWatch has it."""

import io
import logging
from types import TracebackType


class FunctionLog:
    def __enter__(self) -> "FunctionLog":
        # Imported here: it reads its service's name from an environment that a test may still set.
        from lambdas.observability import SERVICE, logger

        self._text = io.StringIO()
        self._listener = logging.StreamHandler(self._text)
        self._listener.setFormatter(logger.registered_formatter)
        self._logger = logging.getLogger(SERVICE)
        self._logger.addHandler(self._listener)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._logger.removeHandler(self._listener)

    @property
    def text(self) -> str:
        return self._text.getvalue()
