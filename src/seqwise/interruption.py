"""Signals that ask long work to end, granted when it can go on later."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """The work was asked to stop; no error, and nobody's to catch but his who can save it.

    Parameters
    ----------
    signal
        What asked.
    """

    def __init__(self, signal: int) -> None:
        super().__init__(signal)
        self.signal = signal


class StopRequest:
    """While entered, SIGINT and SIGTERM do not end the process: the work ends when it may.

    Parameters
    ----------
    may_leave
        Whether the work may be left where it is, without waiting for its next step.

    Attributes
    ----------
    signal : int or None
        The one that came.
    """

    def __init__(self, may_leave: Callable[[], bool]) -> None:
        self.signal: int | None = None
        self._may_leave = may_leave
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._handlers = {each: signal.signal(each, self._note) for each in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for each, handler in self._handlers.items():
            signal.signal(each, handler)

    def grant(self, elsewhere: int = 0) -> None:
        """Leave the work here, if that was asked for.

        Parameters
        ----------
        elsewhere
            A signal that came to any of several processes; 0 for none.

        Raises
        ------
        Stopped
            If a signal came.
        """
        self.signal = elsewhere or self.signal
        if self.signal is not None:
            raise Stopped(self.signal)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        if self._may_leave():
            raise Stopped(number)
