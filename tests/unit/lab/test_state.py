"""The record of the lab's background process: what is forgotten is gone."""

from pathlib import Path

from lab.state import State


def test_what_is_forgotten_leaves_only_the_log(tmp_path: Path) -> None:
    state = State(tmp_path)
    record = state.write("simulated", "clusters/lab.yaml")
    Path(record.socket).touch()
    state.log.touch()
    state.authority.touch()
    assert state.read() == record
    assert record.alive
    state.forget()
    state.forget()
    assert list(tmp_path.iterdir()) == [state.log]


def test_a_socket_that_needs_a_shorter_path_takes_its_directory_along(tmp_path: Path) -> None:
    state = State(tmp_path / ("long" * 30))
    record = state.write("simulated", "clusters/lab.yaml")
    place = Path(record.socket).parent
    assert place.is_dir()
    assert place != state.directory
    Path(record.socket).touch()
    state.forget()
    assert not place.exists()
