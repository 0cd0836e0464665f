"""What the hub promises to each watcher, whatever happens to the others. One test for each bug that was ever found."""

import asyncio

import pytest
from sqlalchemy.exc import SQLAlchemyError

from headrace.eventlog import hub as hub_module
from headrace.eventlog import replay
from headrace.eventlog import topic as topic_module
from headrace.eventlog.hub import Hub
from headrace.eventlog.replay import open_stream
from headrace.eventlog.topic import Watcher
from headrace.model.errors import Busy, JobNotFound, MalformedCursor
from headrace.transports import sse
from tests.unit.eventlog.playing import Connection, play, running, until


@pytest.fixture(params=["step", "task"], autouse=True)
def way(request, monkeypatch) -> str:
    """Both ways of sending: by hand without a task, and in tasks, as for servers that we do not know."""

    def watcher_on(send, framing, _size) -> Watcher:
        task = asyncio.current_task()
        assert task is not None
        return Watcher(send, framing, is_steppable=request.param == "step", abort=task.cancel)

    monkeypatch.setattr(sse, "watcher_on", watcher_on)
    return request.param


def first(cursor) -> str:
    return str(cursor(0))


async def all_ready(hub: Hub, count: int) -> None:
    """Wait until `count` watchers have everything and wait for more."""
    await until(lambda: sum(len(topic.ready) for topic in hub._topics()) == count)


def test_one_closed_connection_does_not_cost_the_others_their_batch(database, alice) -> None:
    async def scenario() -> None:
        job = alice.begin()
        async with running(database) as hub:
            watchers = [Connection(hub, alice.user_id, job.job_id, first(alice.cursor)) for _ in range(10)]
            for each in watchers:
                await each.until_seq(2)

            for number, leaving in enumerate(watchers[:9]):
                await all_ready(hub, 10 - number)
                leaving.is_closed = True  # the server does not know yet
                alice.tick(job)
                await watchers[-1].until_seq(3 + number)

            assert watchers[-1].seqs == list(range(1, 12))
            assert [len(each.seqs) for each in watchers[:9]] == list(range(2, 11))

    play(scenario)


def test_joining_before_the_flush_sends_nothing_twice(database, alice) -> None:
    async def scenario() -> None:
        job = alice.begin()
        async with running(database) as hub:
            early = [Connection(hub, alice.user_id, job.job_id, first(alice.cursor)) for _ in range(5)]
            for each in early:
                await each.until_seq(2)
            hub._delivery.next_flush = asyncio.get_running_loop().time() + 0.2
            alice.tick(job, 3)
            feed = hub._feeds[alice.user_id]
            await feed.reach(job.last_number + 3)  # published, not flushed yet

            late = [Connection(hub, alice.user_id, job.job_id, first(alice.cursor)) for _ in range(5)]
            for each in early + late:
                await each.until_seq(5)
            alice.tick(job)
            for each in early + late:
                await each.until_seq(6)

            assert [each.seqs for each in early + late] == [[1, 2, 3, 4, 5, 6]] * 10

    play(scenario)


def test_events_published_while_a_watcher_is_blocked_are_not_skipped(database, alice) -> None:
    async def scenario() -> None:
        job = alice.begin()
        async with running(database) as hub:
            slow, fast = (Connection(hub, alice.user_id, job.job_id, first(alice.cursor)) for _ in range(2))
            await slow.until_seq(2)
            await all_ready(hub, 2)
            slow.open.clear()

            for seq in range(3, 9):
                alice.tick(job)
                await fast.until_seq(seq)
            assert slow.seqs == [1, 2]
            slow.open.set()
            await slow.until_seq(8)
            alice.tick(job)
            await slow.until_seq(9)

            assert slow.seqs == (await fast.until_seq(9)).seqs == list(range(1, 10))

    play(scenario)


def test_cancelling_one_watcher_leaves_the_others_waiting(database, alice) -> None:
    async def scenario() -> None:
        job = alice.begin()
        async with running(database) as hub:
            leaving, staying = (Connection(hub, alice.user_id, job.job_id, first(alice.cursor)) for _ in range(2))
            await staying.until_seq(2)
            await all_ready(hub, 2)

            leaving.task.cancel()
            await asyncio.wait([leaving.task])
            alice.tick(job)

            assert (await staying.until_seq(3)).seqs == [1, 2, 3]
            assert leaving.seqs == [1, 2]

    play(scenario)


@pytest.mark.parametrize("seen", [0, 3, 40])
def test_what_the_cache_does_not_reach_is_read_from_the_log(database, alice, monkeypatch, seen) -> None:
    monkeypatch.setattr(topic_module, "CACHE", 16)
    monkeypatch.setattr(topic_module, "PAGE", 8)

    async def scenario() -> None:
        job = alice.begin(ticks=28)
        async with running(database) as hub:
            watcher = Connection(hub, alice.user_id, job.job_id, first(alice.cursor))
            await watcher.until_seq(30)
            alice.tick(job, 30)
            await watcher.until_seq(60)
            number = alice.events(job.job_id)[seen - 1].number if seen else 0

            late = Connection(hub, alice.user_id, job.job_id, str(alice.cursor(number)))
            await late.until_seq(60)
            alice.tick(job)

            assert (await late.until_seq(61)).seqs == list(range(seen + 1, 62))

    play(scenario)


def test_a_slow_watcher_whose_place_was_cleaned_away_gets_a_reset_and_the_state(database, alice, monkeypatch) -> None:
    monkeypatch.setattr(topic_module, "CACHE", 4)

    async def scenario() -> None:
        job = alice.begin()
        async with running(database) as hub:
            slow, fast = (Connection(hub, alice.user_id, job.job_id, first(alice.cursor)) for _ in range(2))
            await slow.until_seq(2)
            await all_ready(hub, 2)
            slow.open.clear()
            alice.tick(job)
            await fast.until_seq(3)
            alice.tick(job, 20)
            await fast.until_seq(23)
            alice.clean_before(job, 20)

            slow.open.set()
            await slow.until(lambda it: it.frames[-1]["type"] == "snapshot")
            alice.tick(job)
            await slow.until_seq(24)

            kinds = [(frame["type"], frame["seq"]) for frame in slow.frames[2:]]
            assert kinds == [("job.progress", 3), ("reset", None), ("snapshot", 23), ("job.progress", 24)]

    play(scenario)


def test_a_burst_longer_than_a_page_reaches_everyone_whole(database, alice) -> None:
    async def scenario() -> None:
        job = alice.begin()
        async with running(database) as hub:
            watchers = [Connection(hub, alice.user_id, job.job_id) for _ in range(5)]
            for each in watchers:
                await each.until(lambda it: len(it.frames) == 1)

            alice.tick(job, 1000)

            for each in watchers:
                assert (await each.until_seq(1002)).seqs == list(range(3, 1003))

    play(scenario)


def test_a_stream_ends_with_its_job_and_a_resume_there_gets_204(database, alice) -> None:
    async def scenario() -> None:
        job = alice.begin()
        async with running(database) as hub:
            watcher = Connection(hub, alice.user_id, job.job_id)
            await watcher.until(lambda it: len(it.frames) == 1)
            alice.end(job)
            await watcher.task

            again = Connection(hub, alice.user_id, job.job_id, watcher.frames[-1]["event_id"])
            await again.task

            assert [frame["type"] for frame in watcher.frames] == ["snapshot", "job.completed"]
            assert watcher.is_complete
            assert (again.status, again.sent) == (204, b"")

    play(scenario)


def test_a_resume_across_the_end_of_an_attempt_follows_the_next_one(database, alice) -> None:
    async def scenario() -> None:
        job = alice.fail(alice.begin())
        async with running(database) as hub:
            ended = Connection(hub, alice.user_id, job.job_id, first(alice.cursor))
            await ended.task
            alice.retry(job)

            retried = Connection(hub, alice.user_id, job.job_id, ended.frames[-1]["event_id"])
            await retried.until_seq(4)
            alice.end(alice.start(job))
            await retried.task

            assert [frame["type"] for frame in retried.frames] == ["job.received", "job.stage", "job.completed"]

    play(scenario)


def test_a_user_s_stream_carries_the_same_bytes_as_the_jobs_and_does_not_end(database, alice) -> None:
    async def scenario() -> None:
        async with running(database) as hub:
            everything = Connection(hub, alice.user_id)
            await everything.until(lambda it: len(it.frames) == 1)
            alice.note()
            job = alice.begin()
            one = Connection(hub, alice.user_id, job.job_id, first(alice.cursor))
            await one.until_seq(2)
            alice.end(job)
            await one.task
            await everything.until(lambda it: it.frames[-1]["type"] == "job.completed")

            assert [frame["type"] for frame in everything.frames[:2]] == ["snapshot", "workspace.status.updated"]
            assert everything.frames[2:] == one.frames
            assert not everything.is_complete
            assert one.sent.removeprefix(b"retry: 1000\n\n") in everything.sent

    play(scenario)


def test_nobody_sees_another_user_s_events(database, alice, bob) -> None:
    async def scenario() -> None:
        async with running(database) as hub:
            mine = Connection(hub, alice.user_id)
            await mine.until(lambda it: len(it.frames) == 1)
            foreign = bob.begin()
            job = alice.begin()
            await mine.until(lambda it: it.seqs[-1:] == [2])

            assert {frame["user_id"] for frame in mine.frames} == {alice.user_id}
            assert job.job_id in {frame["job_id"] for frame in mine.frames}
            with pytest.raises(JobNotFound):
                await Connection(hub, alice.user_id, foreign.job_id).task

    play(scenario)


def test_unknown_jobs_and_garbled_cursors_leave_nothing_behind(database, alice) -> None:
    async def scenario() -> None:
        async with running(database) as hub:
            for number in range(5):
                with pytest.raises(JobNotFound):
                    await Connection(hub, alice.user_id, f"no-{number}").task
            with pytest.raises(MalformedCursor):
                await Connection(hub, alice.user_id, None, "1;DROP").task

            assert not hub._feeds
            assert list(hub._topics()) == []

    play(scenario)


def test_a_lost_wake_up_costs_no_event(database, alice, monkeypatch) -> None:
    async def deaf(*_) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(hub_module, "hear", deaf)
    monkeypatch.setattr(hub_module, "LOOK_SECONDS", 0.05)

    async def scenario() -> None:
        job = alice.begin()
        async with running(database) as hub:
            watcher = Connection(hub, alice.user_id, job.job_id)
            await watcher.until(lambda it: len(it.frames) == 1)

            alice.tick(job)

            assert (await watcher.until_seq(3)).seqs == [3]

    play(scenario)


def test_an_idle_stream_gets_a_comment_now_and_then(database, alice) -> None:
    async def scenario() -> None:
        job = alice.begin()
        async with running(database, heartbeat_seconds=0.0) as hub:
            watcher = Connection(hub, alice.user_id, job.job_id)
            await watcher.until(lambda it: b"\n\n:\n\n" in it.sent)
            alice.tick(job)

            assert (await watcher.until_seq(3)).seqs == [3]

    play(scenario)


def test_a_watcher_that_takes_nothing_for_too_long_is_closed(database, alice) -> None:
    async def scenario() -> None:
        job = alice.begin()
        async with running(database, stuck_seconds=0.0) as hub:
            watcher = Connection(hub, alice.user_id, job.job_id)
            await watcher.until(lambda it: len(it.frames) == 1)
            await all_ready(hub, 1)
            watcher.open.clear()
            alice.tick(job)

            await asyncio.wait([watcher.task])

            assert watcher.task.cancelled()

    play(scenario)


def test_a_stream_that_nobody_watches_is_forgotten(database, alice) -> None:
    async def scenario() -> None:
        job = alice.begin()
        async with running(database, idle_seconds=0.0) as hub:
            watcher = Connection(hub, alice.user_id, job.job_id)
            await watcher.until(lambda it: len(it.frames) == 1)
            watcher.cut()
            await watcher.task

            await until(lambda: not hub._feeds)

            again = Connection(hub, alice.user_id, job.job_id, first(alice.cursor))
            assert (await again.until_seq(2)).seqs == [1, 2]

    play(scenario)


def test_closing_ends_every_stream_with_a_word_on_when_to_come_back(database, alice) -> None:
    async def scenario() -> None:
        job = alice.begin()
        hub = Hub(database)
        await hub.start()
        ready, blocked = (Connection(hub, alice.user_id, job.job_id) for _ in range(2))
        for each in (ready, blocked):
            await each.until(lambda it: len(it.frames) == 1)
        await all_ready(hub, 2)
        blocked.open.clear()
        alice.tick(job)
        await ready.until_seq(3)

        closing = asyncio.create_task(hub.close())
        await ready.task
        blocked.open.set()
        await closing

        for each in (ready, blocked):
            assert each.is_complete
            assert each.sent.endswith(b"\n\nretry: 1000\n\n")
        with pytest.raises(Busy):
            await Connection(hub, alice.user_id, job.job_id).task

    play(scenario)


def test_closing_does_not_wait_for_who_is_stuck(database, alice) -> None:
    async def scenario() -> None:
        job = alice.begin()
        async with running(database, closing_seconds=0.1) as hub:
            stuck = Connection(hub, alice.user_id, job.job_id)
            await stuck.until(lambda it: len(it.frames) == 1)
            await all_ready(hub, 1)
            stuck.open.clear()
            alice.tick(job)
            await until(lambda: any(watcher.busy_since for topic in hub._topics() for watcher in topic.watchers))

        await asyncio.wait([stuck.task])
        assert stuck.task.cancelled()

    play(scenario)


def test_more_watchers_of_a_stream_that_stands_still_cost_no_read(database, alice, monkeypatch) -> None:
    reads = []

    def counted(*arguments, **options):
        reads.append(arguments)
        return open_stream(*arguments, **options)

    monkeypatch.setattr(replay, "open_stream", counted)

    async def scenario() -> None:
        job = alice.begin(ticks=3)
        async with running(database) as hub:
            early = Connection(hub, alice.user_id, job.job_id)
            await early.until(lambda it: len(it.frames) == 1)
            for _ in range(5):
                more = Connection(hub, alice.user_id, job.job_id)
                await more.until(lambda it: len(it.frames) == 1)
                assert more.frames == early.frames
            assert len(reads) == 1

            alice.tick(job)
            await early.until_seq(6)
            fresh = Connection(hub, alice.user_id, job.job_id)
            await fresh.until(lambda it: len(it.frames) == 1)
            resumed = Connection(hub, alice.user_id, job.job_id, early.frames[0]["event_id"])
            await resumed.until_seq(6)

            assert fresh.frames[0]["seq"] == 6
            assert len(reads) == 3

    play(scenario)


def test_a_retry_that_this_process_has_not_heard_of_is_followed(database, alice, monkeypatch) -> None:
    async def deaf(*_) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(hub_module, "hear", deaf)
    monkeypatch.setattr(hub_module, "LOOK_SECONDS", 60)

    async def scenario() -> None:
        job = alice.fail(alice.begin())
        async with running(database) as hub:
            ended = Connection(hub, alice.user_id, job.job_id)
            await ended.task
            alice.retry(job)

            again = Connection(hub, alice.user_id, job.job_id, ended.frames[-1]["event_id"])

            assert (await again.until_seq(4)).frames[0]["type"] == "job.received"

    play(scenario)


def test_a_log_that_cannot_be_read_is_busy_and_followed_again_when_it_can(database, alice, monkeypatch) -> None:
    class Broken(SQLAlchemyError):
        pass

    def fail(*_, **__):
        raise Broken("no such luck")

    async def scenario() -> None:
        job = alice.begin()
        async with running(database) as hub:
            with monkeypatch.context() as patch:
                patch.setattr(replay, "open_stream", fail)
                with pytest.raises(Busy):
                    await Connection(hub, alice.user_id, job.job_id).task

            again = Connection(hub, alice.user_id, job.job_id, first(alice.cursor))
            assert (await again.until_seq(2)).seqs == [1, 2]

    play(scenario)


def test_large_events_are_handed_over_a_few_at_a_time(database, alice, monkeypatch) -> None:
    monkeypatch.setattr(topic_module, "PAGE_BYTES", 2000)

    async def scenario() -> None:
        job = alice.begin(ticks=20)
        async with running(database) as hub:
            late = Connection(hub, alice.user_id, job.job_id, first(alice.cursor))
            await late.until_seq(22)
            await all_ready(hub, 1)
            alice.tick(job, 50)

            assert (await late.until_seq(72)).seqs == list(range(1, 73))
            assert late.largest < 4000

    play(scenario)


def test_what_was_forgotten_before_the_hub_had_read_it_is_told_as_a_reset(database, alice, monkeypatch) -> None:
    monkeypatch.setattr(hub_module, "LOOK_SECONDS", 0.05)

    async def scenario() -> None:
        job = alice.begin()
        other = alice.begin()
        async with running(database) as hub:
            everything = Connection(hub, alice.user_id, None, first(alice.cursor))
            mine, others = (Connection(hub, alice.user_id, each.job_id, first(alice.cursor)) for each in (job, other))
            await everything.until(lambda it: len(it.frames) == 4)
            for each in (mine, others):
                await each.until_seq(2)

            alice.end(job)
            alice.forget()  # the clock has jumped; the loop has not run since, so that nobody has read the end
            await everything.until(lambda it: it.frames[-1]["type"] == "snapshot")
            await mine.task
            with pytest.raises(JobNotFound):  # its client has come back
                await Connection(hub, alice.user_id, job.job_id, str(alice.cursor(2))).task
            late = Connection(hub, alice.user_id)
            await late.until(lambda it: it.frames)
            alice.tick(other)
            await others.until_seq(3)
            await everything.until(lambda it: it.frames[-1].get("seq") == 3)

            assert [frame["type"] for frame in everything.frames[4:]] == ["reset", "snapshot", "job.progress"]
            assert [shown["job_id"] for shown in everything.frames[5]["jobs"]] == [other.job_id]
            assert [frame["type"] for frame in others.frames].count("reset") == 0

    play(scenario)
