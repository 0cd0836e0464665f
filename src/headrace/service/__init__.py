"""The verbs: submit, get, list, cancel, pause, resume, retry, query; and who may use them."""

from headrace.service.headrace import Headrace
from headrace.service.intake import Intake, Request

__all__ = ["Headrace", "Intake", "Request"]
