import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.client.errors import ServerUnreachable
from headrace.client.following import LONGEST_PAUSE_SECONDS, Following, Frame
from headrace.model.errors import JobNotFound, MalformedCursor, NotAuthenticated

URL = "http://server"


def frame(number: int, kind: str = "job.progress", status: str = "indexing", epoch: str = "e") -> Frame:
    return {"event_id": f"{epoch}-{number}", "type": kind, "status": status}


def wire(*frames: Frame) -> bytes:
    return b"".join(f"id: {one['event_id']}\ndata: {json.dumps(one)}\n\n".encode() for one in frames)


def follower(job_id: str | None = "job", after: str | None = None, **options: Any) -> Following:
    return Following(URL, job_id, after, jitter=lambda: 1.0, **options)


def opened(state: Following) -> Following:
    assert state.opens(200)
    return state


SNAPSHOT = frame(3, "snapshot")
END = frame(9, "job.completed", "completed")


@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5)), max_size=8))
def test_a_watcher_that_is_cut_off_anywhere_sees_each_event_once_and_in_order(
    length: int, cuts: list[tuple[int, int]]
) -> None:
    """The server may repeat some events before the position that it is asked to resume from."""
    log = [frame(number) for number in range(1, length + 1)] + [frame(length + 1, "job.completed", "completed")]
    state, seen = follower(after="e-0"), []
    for size, repeated in [*cuts, (len(log), 0)]:
        position = int(state.headers()["Last-Event-ID"].partition("-")[2])
        seen += opened(state).feed(wire(*log[max(0, position - repeated) : position + size]))
        if not state.has_ended:
            state.closed()

    assert seen == log
    assert state.has_ended


def test_it_asks_for_what_comes_after_the_last_event_it_saw() -> None:
    state = follower()
    assert "Last-Event-ID" not in state.headers()

    opened(state).feed(wire(SNAPSHOT, frame(4)))

    assert state.headers()["Last-Event-ID"] == "e-4"


@pytest.mark.parametrize("data", ["<html>", "[1]", "{"])
def test_what_is_no_json_object_is_no_frame(data: str) -> None:
    state = opened(follower())

    assert state.feed(f"data: {data}\n\n".encode() + wire(frame(4))) == [frame(4)]


def test_it_ends_when_the_server_closes_after_the_jobs_end() -> None:
    state = follower()

    opened(state).feed(wire(SNAPSHOT, END))
    state.closed()

    assert state.has_ended


def test_a_heartbeat_after_the_jobs_end_ends_it_too() -> None:
    state = follower()

    opened(state).feed(wire(END) + b":\n\n")

    assert state.has_ended


def test_an_ended_jobs_last_event_is_told_after_the_snapshot_of_the_same_number() -> None:
    ended = frame(9, "snapshot", "completed")

    assert opened(follower()).feed(wire(ended, END)) == [ended, END]


def test_a_retry_in_the_log_goes_on_after_the_first_end() -> None:
    state = follower(after="e-0")
    again = frame(10, "job.received", "received")

    seen = opened(state).feed(wire(END, again))
    state.closed()

    assert seen == [END, again]
    assert not state.has_ended


def test_204_means_that_nothing_more_comes() -> None:
    state = follower(after="e-9")

    assert not state.opens(204)
    state.refused(204, b"", None)

    assert state.has_ended


def test_a_reset_is_told_and_its_snapshot_is_taken_though_its_number_is_lower() -> None:
    state = follower()
    opened(state).feed(wire(frame(50)))
    reset, snapshot = frame(0, "reset"), frame(7, "snapshot")

    assert state.feed(wire(reset, snapshot, frame(8))) == [reset, snapshot, frame(8)]


def test_who_is_cut_off_right_after_a_reset_asks_for_a_snapshot() -> None:
    state = follower()

    opened(state).feed(wire(frame(50), frame(0, "reset")))

    assert "Last-Event-ID" not in state.headers()


def test_another_epoch_is_not_compared_with_the_old_one() -> None:
    state = follower()
    opened(state).feed(wire(frame(50)))

    assert state.feed(wire(frame(1, epoch="f"))) == [frame(1, epoch="f")]


def test_a_users_stream_has_no_end() -> None:
    state = follower(job_id=None)

    opened(state).feed(wire(END))
    state.closed()

    assert not state.has_ended
    assert state.pause_seconds > 0


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "not_authenticated", NotAuthenticated),
        (404, "job_not_found", JobNotFound),
        (400, "malformed_cursor", MalformedCursor),
    ],
)
def test_a_refusal_that_will_not_change_is_raised(status: int, code: str, kind: type[Exception]) -> None:
    state = follower()
    assert not state.opens(status)

    with pytest.raises(kind):
        state.refused(status, json.dumps({"code": code, "detail": "no", "status": status}).encode(), None)


def test_a_busy_server_is_asked_again_when_it_said() -> None:
    state = follower()
    state.opens(503)

    state.refused(503, b"{}", "7")

    assert not state.has_ended
    assert state.pause_seconds == 7


def test_a_server_that_was_never_there_is_said_at_once() -> None:
    with pytest.raises(ServerUnreachable):
        follower().broken("refused")


def test_pauses_grow_up_to_a_limit_and_begin_again_after_a_success() -> None:
    state = follower()
    opened(state).feed(wire(SNAPSHOT))
    pauses = []
    for _ in range(9):
        state.broken("cut")
        pauses.append(state.pause_seconds)

    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    opened(state).feed(wire(frame(4)))
    state.broken("cut")
    assert state.pause_seconds == pauses[0]


def test_the_first_pause_is_the_one_that_the_server_asked_for() -> None:
    state = follower()

    opened(state).feed(b"retry: 3000\n" + wire(SNAPSHOT))
    state.closed()

    assert state.pause_seconds == 3


def test_patience_has_an_end() -> None:
    state = follower(patience_seconds=2.0)
    opened(state).feed(wire(SNAPSHOT))
    state.broken("cut")
    state.broken("cut")

    with pytest.raises(ServerUnreachable):
        state.broken("cut")
