"""A stage that dies, hangs, or loses what it stands on, with real processes and our own clock."""

from __future__ import annotations

import logging
import os
import signal
from typing import TYPE_CHECKING

import pytest

from pano_glue.pipeline.process import Child
from pano_glue.pipeline.stage import LEAVE, LONGEST_PAUSE, READY, STEADY, SURE, Stage
from tests.lab.live import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SERVES = "echo serving; exec sleep 60"
DEAF = "trap '' TERM; echo serving; while :; do sleep 0.1; done"


class Trial:
    """A stage that runs a shell's `script`, on a clock and a ground that the test sets."""

    def __init__(self, folder: Path, script: str) -> None:
        """Prepare it, and start nothing."""
        self.now = 1000.0
        self.ground: int | None = 1
        self.made = True
        self.script = script
        self.children: list[Child] = []

        self.launch: Callable[[], Child] = lambda: Child("trial", ["sh", "-c", self.script], folder)

        def launch() -> Child:
            self.children.append(self.launch())
            return self.children[-1]

        self.stage = Stage(
            "trial",
            launch,
            lambda child: "serving" in child.output(),
            "word that it serves",
            ground=lambda: self.ground,
            made=lambda: self.made,
            clock=lambda: self.now,
        )

    def look_until(self, state: str) -> None:
        def seen() -> bool:
            self.stage.look()
            return self.stage.state == state

        wait_until(seen, 20, f"the stage is {state}")

    def die(self) -> None:
        """Kill it, let the stage notice, and let its pause pass to a hair."""
        os.kill(self.children[-1].pid, signal.SIGKILL)
        self.look_until("away")


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    made = Trial(tmp_path, SERVES)
    made.stage.start()
    yield made
    for child in made.children:
        child.stop(0)


def pause_of(trial: Trial) -> float:
    """Measure on the trial's clock how long a dead stage stays away."""
    begun = trial.now
    while trial.stage.state == "away":
        trial.now += 0.25
        trial.stage.look()
    return trial.now - begun


def test_pauses_grow_and_begin_anew_after_a_steady_run(trial: Trial) -> None:
    pauses = []
    for _ in range(8):
        trial.die()
        pauses.append(pause_of(trial))
        trial.look_until("up")
    assert pauses == [0.5, 1, 2, 4, 8, 16, LONGEST_PAUSE, LONGEST_PAUSE]
    assert trial.stage.restarts == 8
    trial.now += STEADY + 1
    trial.die()
    assert pause_of(trial) == 0.5


def test_a_death_is_one_line_with_what_it_printed_last(
    trial: Trial, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pano_glue")
    trial.script = "echo serving; echo cannot go on; exit 3"
    trial.die()
    pause_of(trial)
    trial.look_until("away")
    killed, ended = caplog.messages[0], caplog.messages[-1]
    assert killed == "trial was ended by SIGKILL, and printed last: serving; started again in 0.5 s"
    assert "exit code 3" in ended
    assert "serving | cannot go on; started again in 1.0 s" in ended
    assert "\n" not in ended


def test_it_waits_for_its_ground_and_stands_on_the_new_one(trial: Trial) -> None:
    trial.ground = None
    trial.look_until("away")
    for _ in range(5):
        trial.now += 10
        trial.stage.look()
    assert (trial.stage.state, trial.stage.restarts) == ("away", 0)
    trial.ground = 2
    trial.look_until("up")
    assert trial.stage.restarts == 1
    trial.ground = 3  # went and came between two looks
    trial.look_until("away")
    trial.look_until("up")
    assert (trial.stage.restarts, len(trial.children)) == (2, 3)


def test_it_is_started_again_when_what_it_made_is_gone(trial: Trial) -> None:
    trial.made = False
    trial.stage.look()
    assert trial.stage.state == "up"
    trial.now += SURE + 1
    trial.look_until("away")
    trial.made = True
    trial.look_until("up")
    assert trial.stage.restarts == 1


def test_one_that_does_not_end_is_killed(tmp_path: Path) -> None:
    trial = Trial(tmp_path, DEAF)
    trial.stage.start()
    trial.ground = None
    trial.stage.look()
    assert trial.stage.state == "ending"
    trial.now += LEAVE - 1
    trial.stage.look()
    assert trial.children[0].running()
    trial.now += 2
    trial.look_until("away")
    assert "SIGKILL" in trial.children[0].ending()


def test_one_that_is_never_ready_is_tried_again(trial: Trial) -> None:
    trial.script = "exec sleep 60"
    trial.die()
    pause_of(trial)
    trial.stage.look()
    assert trial.stage.state == "starting"
    trial.now += READY + 1
    trial.look_until("away")
    trial.script = SERVES
    pause_of(trial)
    trial.look_until("up")


def test_a_program_that_is_gone_is_tried_again(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\n{SERVES}\n")
    program.chmod(0o755)
    trial = Trial(tmp_path, f"exec {program}")
    trial.launch = lambda: Child("trial", [str(program)], tmp_path)
    trial.stage.start()
    kept = program.rename(tmp_path / "kept")  # as in the middle of an upgrade
    trial.die()
    trial.now += 1
    trial.stage.look()
    assert trial.stage.state == "away"
    kept.rename(program)
    pause_of(trial)
    trial.look_until("up")
    trial.stage.stop()


def test_nobody_starts_again_what_was_stopped(trial: Trial) -> None:
    trial.stage.stop()
    trial.now += 10 * LONGEST_PAUSE
    trial.stage.look()
    assert trial.stage.state == "away"
    assert len(trial.children) == 1
