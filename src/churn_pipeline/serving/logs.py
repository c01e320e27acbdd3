"""Log lines as JSON objects, for collectors that read the standard output."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
from bentoml._internal import log as bentoml_log
from bentoml._internal.context import server_context

from churn_pipeline.serving.http.request_ids import LOG_FIELDS
from churn_pipeline.serving.settings import LogFormat


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON: time, level, logger, worker, message, ids."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; line breaks of a message or traceback are escaped."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "worker": server_context.worker_index or None,
            "message": record.getMessage(),
        }
        fields = getattr(record, LOG_FIELDS, {})
        line |= {name: value for name, value in fields.items() if value is not None}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # half a surrogate pair has no UTF-8
        clean = {
            name: value.encode("utf-8", "backslashreplace").decode()
            if isinstance(value, str)
            else value
            for name, value in line.items()
        }
        return msgspec.json.encode(clean).decode()


def use_format(log_format: LogFormat) -> None:
    """Let BentoML, uvicorn and the service log in a format, now and when BentoML sets up its logs.

    BentoML has no option for it, and sets up its handlers in each process from these two mappings.
    """
    if log_format == "text":
        return
    formatter = {"()": JsonFormatter}
    for config in (bentoml_log.SERVER_LOGGING_CONFIG, bentoml_log.CLI_LOGGING_CONFIG):
        for name in config["formatters"]:
            config["formatters"][name] = formatter
    for handler in _handlers():
        handler.setFormatter(JsonFormatter())
    logging.captureWarnings(True)


def _handlers() -> Iterable[logging.Handler]:
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    for logger in loggers:
        if isinstance(logger, logging.Logger):
            yield from logger.handlers
