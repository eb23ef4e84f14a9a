"""What the HTTP library logs: bytes that are no HTTP are a stranger's doing, one short line and no error of ours."""

from __future__ import annotations

import logging

from aiohttp.http_exceptions import HttpProcessingError


class _Strangers(logging.Filter):
    """Nothing of what they sent is repeated, for it may be long, or a secret sent to the wrong place."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            record.levelno, record.levelname = logging.INFO, "INFO"
            record.msg, record.args = "a request that is no HTTP was turned away: %s", (type(error).__name__,)
            record.exc_info = record.exc_text = None
        return True


def http_log() -> logging.Logger:
    """The logger to hand to the library."""
    log = logging.getLogger("ganglion.http")
    if not log.filters:
        log.addFilter(_Strangers())
    return log
