from pathlib import Path

from headrace.cli.gather import FILES_PER_JOB, Found, find_files, in_jobs


def told(paths: list[Path], below: Path) -> dict[str, str | None]:
    return {str(found.path.relative_to(below)): found.skipped for found in find_files(paths)}


def test_a_folder_gives_its_files_and_says_what_it_skips(tmp_path: Path) -> None:
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("x")
    (tmp_path / "deep" / "deeper" / "a.txt").write_text("a text")
    (tmp_path / "b.md").write_text("# b")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "song.mp3").write_bytes(b"ID3\x04" + bytes(64))

    found = told([tmp_path], tmp_path)

    assert {name for name, reason in found.items() if reason is None} == {"deep/deeper/a.txt", "b.md"}
    assert found[".git"] == "hidden"
    assert found["empty.txt"] == "empty"
    assert "a sound file" in str(found["song.mp3"])


def test_a_hidden_file_that_is_named_is_sent(tmp_path: Path) -> None:
    (tmp_path / ".notes.txt").write_text("named")

    assert told([tmp_path / ".notes.txt"], tmp_path) == {".notes.txt": None}


def test_a_folder_that_links_to_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)

    assert told([tmp_path], tmp_path) == {"loop": "a link to a folder"}


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")

    assert told([tmp_path], tmp_path) == {"pipe": "not a file"}


def test_more_files_than_a_request_may_have_become_several_jobs() -> None:
    files = [Found(path=Path(str(number)), size=1) for number in range(2 * FILES_PER_JOB + 1)]

    lots = list(in_jobs(files))

    assert [len(lot) for lot in lots] == [FILES_PER_JOB, FILES_PER_JOB, 1]
    assert [file for lot in lots for file in lot] == files


def test_no_files_are_no_job() -> None:
    assert list(in_jobs([])) == []
