"""What the agent says and refuses, without a lab."""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import generate_latest
from typer.testing import CliRunner

from pano_glue.agent import kernel, layout, libbpf
from pano_glue.agent.cli import app
from pano_glue.agent.control import ControlSocket, ask
from pano_glue.agent.counts import HookCount
from pano_glue.agent.kernel import require_kernel
from pano_glue.agent.metrics import make_registry
from pano_glue.agent.mirror import Sensor, Target, parse_target
from pano_glue.agent.page import Pages
from pano_glue.errors import PanoError, SettingError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.agent.conftest import Program


def refusal(*argv: str) -> str:
    """Run a command that must fail with an error that a person can mend; returns its line."""
    result = CliRunner().invoke(app, list(argv))
    assert isinstance(result.exception, PanoError), result.exception
    return str(result.exception)


def test_refuses_in_one_line(tmp_path: Path, own_namespace: None, program_file: Path) -> None:  # noqa: ARG001 # built, as root
    control = f"--control={tmp_path / 'agent.sock'}"
    run = ("run", "--iface", "lo", control, "--listen=")
    assert refusal(*run, "--iface", "nix0").startswith("--iface nix0 matches no interface: there")
    assert "there is no /run/netns/nix" in refusal(*run, "--netns", "nix")
    assert "exists and is not pano-agent's" in refusal(*run, "--mirror", "lo")
    assert "--port 70000 is no port" in refusal(*run, "--port", "70000")
    assert "--listen 9103 is no address" in refusal(
        "run", "--iface", "lo", control, "--listen=9103"
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        said = refusal("run", "--iface", "lo", control, f"--listen={address}")
    assert said.startswith(f"cannot listen on {address}")
    assert "no pano-agent answers at" in refusal("status", control)
    assert "\n" not in said


def test_says_that_the_program_was_not_built(tmp_path: Path) -> None:
    with pytest.raises(PanoError, match="missing: build it with: make -C ebpf-agent"):
        libbpf.BpfObject(libbpf.open_library(), tmp_path / "mirror.bpf.o")


def test_says_that_libbpf_is_missing() -> None:
    with pytest.raises(PanoError, match=r"cannot load libnix\.so.*apt-get install libbpf1"):
        libbpf.open_library("libnix.so")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("pano1", Target("pano1")),
        ("vxlan:7@192.0.2.7", ("vxlan", 7, "192.0.2.7", 4789)),
        ("vxlan:7@192.0.2.7:8472", ("vxlan", 7, "192.0.2.7", 8472)),
        ("geneve:0@[2001:db8::7]", ("geneve", 0, "2001:db8::7", 6081)),
    ],
)
def test_reads_mirrors(text: str, target: Any) -> None:  # noqa: ANN401 # two forms
    found = parse_target(text)
    if isinstance(target, Target):
        assert found == target
        return
    assert isinstance(found.sensor, Sensor)
    sensor = found.sensor
    assert (sensor.kind, sensor.vni, str(sensor.address), sensor.port) == target


@pytest.mark.parametrize("text", ["", "much-too-long-a-name", "vxlan:16777216@192.0.2.7", "a/b"])
def test_refuses_mirrors(text: str) -> None:
    with pytest.raises(SettingError, match="--mirror"):
        parse_target(text)


def test_control_socket_answers_and_outlives_a_dead_one(tmp_path: Path) -> None:
    path = tmp_path / "run" / "agent.sock"
    first = ControlSocket(path)
    with pytest.raises(PanoError, match="another pano-agent listens"):
        ControlSocket(path)
    first._socket.close()  # noqa: SLF001 # as a kill would leave it
    second = ControlSocket(path)
    served = threading.Thread(target=second.serve_one, args=(lambda question: [question],))
    # The probe of the first constructor was never accepted by the second socket.
    served.start()
    assert ask(path, {"ask": "x"}) == [{"ask": "x"}]
    served.join()
    assert path.stat().st_mode & 0o777 == 0o600
    second.close()
    assert not path.exists()


class Busy:
    """An agent that has seen something."""

    def counts(self) -> list[tuple[str, str, HookCount]]:
        errors = dict.fromkeys(layout.CAUSES, 0) | {"dropped": 2, "no_memory": 1}
        return [("eth0", "ingress", HookCount(matched=10, mirrored=6, duplicate=1, errors=errors))]

    def attached_again(self) -> list[tuple[str, str, int]]:
        return [("eth0", "ingress", 2)]

    def run_times(self) -> dict[str, libbpf.RunTime]:
        return {"mirror_ingress": libbpf.RunTime(nanoseconds=1500, runs=3)}


def test_metrics_add_up() -> None:
    text = generate_latest(make_registry(Busy(), "ns1")).decode()
    hook = 'direction="ingress",iface="eth0",sensor="ns1"'
    for verdict, packets in {"matched": 10, "mirrored": 6, "duplicate": 1, "error": 3}.items():
        assert f'pano_agent_packets_total{{{hook},verdict="{verdict}"}} {packets}.0' in text
    assert f'pano_agent_errors_total{{cause="dropped",{hook}}} 2.0' in text
    assert f"pano_agent_attached_again_total{{{hook}}} 2.0" in text
    program = 'program="mirror_ingress",sensor="ns1"'
    assert f"pano_agent_program_run_seconds_total{{{program}}} 1.5e-06" in text
    assert f"pano_agent_program_runs_total{{{program}}} 3.0" in text
    assert 'pano_agent_build_info{kernel="' in text
    assert "process_start_time_seconds" in text


@pytest.mark.parametrize(
    ("release", "old"),
    [
        ("5.10.0-46-amd64", True),
        ("4.19.0", True),
        ("5.15.0-91-generic", False),
        ("6.1.0-56-amd64", False),
        ("6.12-rc1", False),
        ("7.3.4+deb13-amd64", False),
    ],
)
def test_refuses_kernels_that_are_too_old(release: str, *, old: bool) -> None:
    if old:
        with pytest.raises(PanoError, match=r"is too old for pano-agent: use Linux 5\.15 or later"):
            require_kernel(release)
    else:
        require_kernel(release)


def test_pages(program_file: Path) -> None:  # noqa: ARG001 # the agent's module needs no more
    troubles: list[str] = []
    pages = Pages(make_registry(Busy(), "ns1"), lambda: {"mirror": "pano0"}, lambda: troubles)
    assert pages.answer("/healthz", "").code == 200
    troubles.append("attached to no interface")
    assert pages.answer("/healthz", "") == (
        503,
        "text/plain; charset=utf-8",
        b"attached to no interface\n",
    )
    assert b'pano_agent_packets_total{direction="ingress"' in pages.answer("/metrics", "").body
    assert pages.answer("/status?", "").body == b'{"mirror":"pano0"}\n'
    assert pages.answer("/nix", "").code == 404


def test_names_what_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kernel, "holds", lambda name: name != "CAP_BPF")
    said = str(kernel.refusal("load program take", OSError(errno.EPERM, "")))
    assert "refuses to load program take (EPERM): CAP_BPF missing: run as root" in said
    monkeypatch.setattr(kernel, "holds", lambda _name: True)
    monkeypatch.setattr(kernel, "_status", lambda _field: "2")
    assert "a seccomp filter forbids it" in str(kernel.refusal("x", OSError(errno.EPERM, "")))
    monkeypatch.setattr(kernel, "KERNEL_TYPES", tmp_path / "vmlinux")
    assert "(EACCES): it has no BTF" in str(kernel.refusal("x", OSError(errno.EACCES, "")))
    assert "(E2BIG): its verifier gives up" in str(kernel.refusal("x", OSError(errno.E2BIG, "")))


@pytest.mark.parametrize("perfmon", [False, True])
def test_reads_copies_where_the_kernel_lets_nothing_be_read_in_place(
    monkeypatch: pytest.MonkeyPatch, *, perfmon: bool
) -> None:
    tried: list[bool] = []

    def load(self: libbpf.BpfObject, _path: Path) -> None:
        tried.append(self.copies)
        if not self.copies:
            raise OSError(errno.EACCES, "", "program take")

    monkeypatch.setattr(libbpf.BpfObject, "_load", load)
    monkeypatch.setattr(libbpf, "holds", lambda _name: perfmon)
    if perfmon:
        with pytest.raises(PanoError, match=r"refuses to load program take \(EACCES\)"):
            libbpf.BpfObject(libbpf.open_library(), kernel.LOCKDOWN)
    else:
        assert libbpf.BpfObject(libbpf.open_library(), kernel.LOCKDOWN).copies
    assert tried == ([False] if perfmon else [False, True])


def test_layouts_are_those_of_the_kernel_program(program: Program) -> None:
    sizes = {
        "counts": (4, layout.COUNT.size),
        ".data.choice": (4, layout.CHOICE.size),
        ".data.devices": (4, layout.DEVICES.size),
        "networks": (layout.NETWORK.size, 1),
    }
    library = libbpf.open_library()
    for name, size in sizes.items():
        info = ctypes.create_string_buffer(16)  # struct bpf_map_info up to `value_size`
        length = ctypes.c_uint32(len(info))
        fd = program.programs.map(name)._fd  # noqa: SLF001 # nothing else needs it
        assert library.bpf_obj_get_info_by_fd(fd, info, ctypes.byref(length)) == 0
        assert struct.unpack("=8xII", info.raw) == size
