"""Two rounds of the fault matrix, which can be run for as long as one likes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.transports.fault_matrix import Matrix, kill_and_leave, kill_kafka, run_rounds
from tests.transports.kafka_broker import missing

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_is_lost_when_kafka_or_a_bridge_is_killed(tmp_path: Path) -> None:
    if missing():
        pytest.skip(f"{missing()} is not installed")
    matrix = Matrix(tmp_path, "", random.Random(0))  # noqa: S311 (no secret)
    try:
        assert run_rounds(matrix, 2, [kill_kafka, kill_and_leave]) == []
    finally:
        matrix.close()
