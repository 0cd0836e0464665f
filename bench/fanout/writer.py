"""Stands for the worker: what is posted to it becomes an event of a job, committed by the product's own store.

python -m bench.fanout.writer FOLDER PORT
"""

import asyncio
import json
import sys
from pathlib import Path

import uvloop

from headrace.model.ids import LOCAL_USER
from headrace.model.vocabulary import EventType, JobType
from headrace.settings import Settings
from headrace.store import jobs, record
from headrace.store.database import Database

DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Committer:
    """Commits what has been posted meanwhile in one transaction, as a worker does that has several things to tell."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._posted: list[tuple[dict[str, object], asyncio.StreamWriter]] = []
        with database.write(durable=True) as transaction:
            submission = jobs.Submission(user_id=LOCAL_USER, workspace_id=None, job_type=JobType.TEXT)
            self._job_id = jobs.submit(transaction, submission).job_id

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection's posts, each answered when it is committed."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length:")[2].split()[0])
                self._posted.append((json.loads(await reader.readexactly(size)), writer))
                if len(self._posted) == 1:
                    asyncio.get_running_loop().call_soon(self._commit)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _commit(self) -> None:
        posted, self._posted = self._posted, []
        with self._database.write() as transaction, record.changing(transaction, self._job_id) as draft:
            for frame, _ in posted:
                draft.report(EventType.JOB_PROGRESS, message=str(frame["message"]), facts={"ts": frame["ts"]})
        for _, writer in posted:
            writer.write(DONE)


async def main() -> None:
    committer = Committer(Database(Settings(data_dir=Path(sys.argv[1])).url))
    server = await asyncio.start_server(committer.take, "127.0.0.1", int(sys.argv[2]))
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
