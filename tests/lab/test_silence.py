"""When a summary says that nothing is heard."""

from __future__ import annotations

from pano_glue.pipeline.silence import PATIENCE, Silence


def test_packets_that_nobody_reads() -> None:
    silence = Silence()
    assert not silence.seconds(1000, mirrored=100, read=90)
    assert not silence.seconds(1000 + PATIENCE, mirrored=200, read=90)
    assert silence.seconds(1000 + PATIENCE + 1, mirrored=300, read=90) == PATIENCE + 1
    assert silence.seconds(1029, mirrored=300, read=90) == 29
    assert not silence.seconds(1030, mirrored=300, read=290)


def test_a_quiet_network_is_no_silence() -> None:
    silence = Silence()
    for now in range(100):
        assert not silence.seconds(now, mirrored=100, read=90)
    # From here on there is something to read.
    assert not silence.seconds(100, mirrored=101, read=90)
    assert silence.seconds(111, mirrored=101, read=90) == 12


def test_an_agent_that_began_anew_is_heard_again() -> None:
    silence = Silence()
    silence.seconds(0, mirrored=1000, read=1000)
    assert not silence.seconds(20, mirrored=5, read=1000)
    assert not silence.seconds(29, mirrored=50, read=1000)
    assert silence.seconds(31, mirrored=80, read=1000) == 11


def test_a_zeek_that_began_anew_is_heard() -> None:
    silence = Silence()
    silence.seconds(0, mirrored=1000, read=1000)
    assert not silence.seconds(20, mirrored=2000, read=10)
