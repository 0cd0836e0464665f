"""The verbs, and whose they are: a user's jobs, and the library of what they made."""

from headrace.service.intake import Intake, Request
from headrace.service.jobs import Jobs
from headrace.service.library import Answer, Library, Question

__all__ = ["Answer", "Intake", "Jobs", "Library", "Question", "Request"]
