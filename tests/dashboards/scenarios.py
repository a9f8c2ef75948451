"""What Prometheus may see of an installation, minute by minute, and which alerts must fire.

A scenario changes some series of the healthy installation. Values are in promtool's notation:
`0+600x120` is a counter that grows by 600 a minute for two hours. Time begins at 0. All scenarios
stand beside each other, as many servers, sensors and bridges, each with the label value `@`; only
those that are `alone` have a Prometheus of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

BRIDGE, AGENT = 'job="pano-bridge",instance="@"', 'job="pano-agent",instance="@"'
DNS = f'{BRIDGE},sensor="@",server="@",proto="udp"'
ZEEK = f'{BRIDGE},sensor="@"'
LOG = f'{BRIDGE},source="log:dns.log"'
TWO_HOURS = "x120"

# family: label pairs by a short name, and how much a minute adds to a counter or what a gauge is.
COUNTERS = {
    "mirrored": f'pano_agent_packets_total{{{AGENT},sensor="@",iface="eth0",verdict="mirrored"}}',
    "mirror errors": f'pano_agent_packets_total{{{AGENT},sensor="@",iface="eth0",verdict="error"}}',
    "attached": f'pano_agent_attached_again_total{{{AGENT},sensor="@",iface="eth0"}}',
    "received": f'pano_zeek_packets_total{{{ZEEK},state="received"}}',
    "dropped": f'pano_zeek_packets_total{{{ZEEK},state="dropped"}}',
    "messages": f'pano_zeek_dns_messages_total{{{ZEEK},kind="query"}}',
    "not DNS": f'pano_zeek_dns_messages_total{{{ZEEK},kind="not_dns"}}',
    "written": f"pano_zeek_records_total{{{ZEEK}}}",
    "evicted": f"pano_zeek_evicted_total{{{ZEEK}}}",
    "evicted replies": f"pano_zeek_evicted_replies_total{{{ZEEK}}}",
    "queries": f'pano_dns_queries_total{{{DNS},qtype="A"}}',
    "NOERROR": f'pano_dns_responses_total{{{DNS},qtype="A",rcode="NOERROR"}}',
    "NXDOMAIN": f'pano_dns_responses_total{{{DNS},qtype="A",rcode="NXDOMAIN"}}',
    "SERVFAIL": f'pano_dns_responses_total{{{DNS},qtype="A",rcode="SERVFAIL"}}',
    "timeouts": f"pano_dns_timeouts_total{{{DNS}}}",
    "unreachable": f"pano_dns_unreachable_total{{{DNS}}}",
    "late": f"pano_dns_late_responses_total{{{DNS}}}",
    "orphans": f"pano_dns_orphan_responses_total{{{DNS}}}",
    "truncated": f"pano_dns_truncated_total{{{DNS}}}",
    "answers": f'pano_dns_rtt_seconds_count{{{DNS},result="success"}}',
    "fast": f'pano_dns_rtt_seconds_bucket{{{DNS},result="success",le="0.256"}}',
    "counted": f'pano_bridge_records_total{{{LOG},log="dns",result="counted"}}',
    "malformed": f'pano_bridge_records_total{{{LOG},log="dns",result="malformed"}}',
    "batches lost": f'pano_bridge_lost_batches_total{{{BRIDGE},sensor="@"}}',
    "deleted": f'pano_bridge_lost_messages_total{{{BRIDGE},source="kafka://k/dns"}}',
    "failed checkpoints": f"pano_bridge_failed_checkpoints_total{{{BRIDGE}}}",
    "folded": f'pano_bridge_folded_labels_total{{{BRIDGE},label="server"}}',
    "newest": f"pano_bridge_newest_record_timestamp_seconds{{{LOG}}}",
}
A_MINUTE = {
    "mirrored": 1200,
    "received": 1200,
    "messages": 1200,
    "not DNS": 3,
    "written": 600,
    "queries": 600,
    "NOERROR": 540,
    "NXDOMAIN": 60,
    "answers": 600,
    "fast": 600,
    "counted": 600,
    "newest": 60,
}
GAUGES = {
    "bridge up": f"up{{{BRIDGE}}}",
    "agent up": f"up{{{AGENT}}}",
    "bridge": f'pano_bridge_build_info{{{BRIDGE},version="1"}}',
    "agent": f'pano_agent_build_info{{{AGENT},sensor="@",version="1"}}',
    "bridge start": f"process_start_time_seconds{{{BRIDGE}}}",
    "connected": f'pano_bridge_connected{{{BRIDGE},source="ws://z:1"}}',
    "zeeks": f"pano_zeek_processes{{{ZEEK}}}",
    "backlog": f"pano_bridge_backlog_bytes{{{LOG}}}",
}
EVERYWHERE = {series: f"0+{A_MINUTE.get(name, 0)}{TWO_HOURS}" for name, series in COUNTERS.items()}
EVERYWHERE |= {series: f"{int(name != 'backlog')}{TWO_HOURS}" for name, series in GAUGES.items()}
NAMES = COUNTERS | GAUGES


class Scenario(NamedTuple):
    """What is otherwise than in the healthy installation, and which alerts fire `at` a minute.

    A name is of `COUNTERS`, `GAUGES`, or a whole series; None takes a series away. `fires` are
    alerts, those of a budget with their long window: `PanoDnsErrorBudgetBurn 1h`.
    """

    what: str
    otherwise: Mapping[str, str | None]
    at: int
    fires: tuple[str, ...]
    alone: bool = False

    def series(self, label: str) -> dict[str, str]:
        """Give every series with its values, and with `label` for @."""
        changed: dict[str, str | None] = {
            NAMES.get(name, name): values for name, values in self.otherwise.items()
        }
        return {
            name.replace('="@', f'="{label}'): values
            for name, values in (EVERYWHERE | changed).items()
            if values is not None
        }


def _share(of: int, part: str, rest: str) -> dict[str, str | None]:
    """Let `of` 600 queries a minute end as `part` and not as `rest`."""
    return {part: f"0+{of}x120", rest: f"0+{540 - of}x120"}


ERRORS, LATENCY = "PanoDnsErrorBudgetBurn", "PanoDnsLatencyBudgetBurn"
ALL_ERRORS = tuple(f"{ERRORS} {window}" for window in ("1h", "6h", "3d"))
ALL_SLOW = tuple(f"{LATENCY} {window}" for window in ("1h", "6h", "3d"))

SCENARIOS = [
    Scenario("all is well", {}, 25, ()),
    Scenario(
        "nobody asks anything",
        dict.fromkeys(("written", "queries", "NOERROR", "NXDOMAIN", "answers", "fast"), "0x120"),
        30,
        (),
    ),
    # Budgets: 0.1 % of queries may fail, 1 % of answers may be slow.
    Scenario("0.07 % fail", _share(0, "SERVFAIL", "NOERROR") | {"timeouts": "0 0 0+1x120"}, 3, ()),
    Scenario("0.33 % fail", _share(2, "SERVFAIL", "NOERROR"), 25, (f"{ERRORS} 3d",)),
    Scenario("1 % fail", _share(6, "SERVFAIL", "NOERROR"), 25, (f"{ERRORS} 6h", f"{ERRORS} 3d")),
    Scenario("3 % fail", _share(18, "SERVFAIL", "NOERROR"), 25, ALL_ERRORS),
    Scenario("3 % are refused by ICMP", {"unreachable": "0+18x120"}, 25, ALL_ERRORS),
    Scenario(
        "a burst of failures is over",
        {"SERVFAIL": "0+24x20 480x100"},
        28,
        (f"{ERRORS} 6h", f"{ERRORS} 3d"),
    ),
    Scenario(
        "3 % fail of six queries an hour",
        {"queries": "0+0.1x120", "written": "0+0.1x120", "SERVFAIL": "0+0.003x120"},
        25,
        (),
    ),
    Scenario("0.5 % are slow", {"fast": "0+597x120"}, 25, ()),
    Scenario("3 % are slow", {"fast": "0+582x120"}, 25, (f"{LATENCY} 3d",)),
    Scenario("10 % are slow", {"fast": "0+540x120"}, 25, (f"{LATENCY} 6h", f"{LATENCY} 3d")),
    Scenario("20 % are slow", {"fast": "0+480x120"}, 25, ALL_SLOW),
    # Servers
    Scenario("4 % time out", {"timeouts": "0+24x120"}, 10, (f"{ERRORS} 1h", f"{ERRORS} 6h")),
    Scenario(
        "6 % time out",
        {"timeouts": "0+36x120"},
        10,
        (f"{ERRORS} 1h", f"{ERRORS} 6h", "PanoDnsTimeouts"),
    ),
    Scenario(
        "4 % are SERVFAIL", _share(24, "SERVFAIL", "NOERROR"), 10, (f"{ERRORS} 1h", f"{ERRORS} 6h")
    ),
    Scenario(
        "6 % are SERVFAIL",
        _share(36, "SERVFAIL", "NOERROR"),
        10,
        (f"{ERRORS} 1h", f"{ERRORS} 6h", "PanoDnsServfail"),
    ),
    Scenario(
        "a resolver dies after half an hour",
        {
            "NOERROR": "0+540x30 16200x90",
            "NXDOMAIN": "0+60x30 1800x90",
            "answers": "0+600x30 18000x90",
        }
        | {"fast": "0+600x30 18000x90", "timeouts": "0x30 0+600x90"},
        39,
        (f"{ERRORS} 1h", f"{ERRORS} 6h", "PanoDnsResolverDown", "PanoDnsTimeouts"),
    ),
    Scenario(
        "NXDOMAIN trebles, and is a quarter",
        {"NXDOMAIN": "0+40x30 1200+200x90", "NOERROR": "0+560x30 16800+400x90"},
        46,
        ("PanoDnsNxdomainSurge",),
    ),
    Scenario("NXDOMAIN was always half", {"NXDOMAIN": "0+300x120", "NOERROR": "0+300x120"}, 25, ()),
    Scenario("NXDOMAIN trebles, and is still rare", {"NXDOMAIN": "0+10x30 300+60x90"}, 46, ()),
    Scenario("18 % are cut", {"truncated": "0+108x120"}, 40, ()),
    Scenario("22 % are cut", {"truncated": "0+132x120"}, 40, ("PanoDnsTruncation",)),
    # Stages
    Scenario(
        "no bridge is scraped",
        dict.fromkeys(("bridge", "bridge up")),
        10,
        ("PanoBridgeAbsent",),
        alone=True,
    ),
    Scenario(
        "one of many bridges dies",
        {"bridge up": "1x20 0x100", "bridge": "1x20 _x100"},
        30,
        ("PanoBridgeDown",),
    ),
    Scenario(
        "the bridge dies",
        {"bridge up": "1x20 0x100", "bridge": "1x20 _x100"},
        40,
        ("PanoBridgeAbsent", "PanoBridgeDown"),
        alone=True,
    ),
    Scenario("something else is down", {'up{job="node",instance="@"}': "1x20 0x100"}, 40, ()),
    Scenario(
        "the agent dies", {"agent up": "1x20 0x100", "agent": "1x20 _x100"}, 40, ("PanoAgentGone",)
    ),
    Scenario(
        "there never was an agent",
        dict.fromkeys(("agent", "agent up", "mirrored", "mirror errors", "attached")),
        40,
        (),
    ),
    Scenario("a scrape of the agent is missed", {"agent": "1x20 _ 1x100"}, 22, ()),
    Scenario(
        "the sensor tells of no packet any more",
        {"received": "0+1200x20 24000x100", "mirrored": "0+1200x20 24000x100"},
        45,
        ("PanoSensorSilent",),
    ),
    Scenario(
        "the bridge is started again and again",
        {"bridge start": "1+100x120"},
        40,
        ("PanoRestarts",),
    ),
    Scenario("the bridge was started twice", {"bridge start": "1x10 2x10 3x100"}, 40, ()),
    Scenario("two Zeeks have one name", {"zeeks": "2x120"}, 10, ("PanoSensorNameTwice",)),
    Scenario("a Zeek is replaced", {"zeeks": "1x4 2 1x100"}, 5, ()),
    # Losses
    Scenario("0.5 % of the packets are unread", {"received": "0+1194x120"}, 40, ()),
    Scenario(
        "a tenth of the packets is unread", {"received": "0+1080x120"}, 40, ("PanoPacketsUnread",)
    ),
    Scenario(
        "a sensor of two hears nothing",
        {COUNTERS["mirrored"].replace('@",iface', '@+",iface'): "0+1200x120"},
        40,
        ("PanoPacketsUnread",),
    ),
    Scenario("one packet was dropped, long ago", {"dropped": "0 1x120"}, 40, ()),
    Scenario("Zeek drops packets", {"dropped": "0+5x120"}, 40, ("PanoPacketsDropped",)),
    Scenario("the mirror is full", {"mirror errors": "0+5x120"}, 40, ("PanoMirrorErrors",)),
    Scenario("a program was detached", {"attached": "0x30 1x90"}, 40, ("PanoProgramsDetached",)),
    Scenario("a program was detached an hour ago", {"attached": "0 1x119"}, 45, ()),
    Scenario("the sensor has no room", {"evicted": "0+9x120"}, 40, ("PanoSensorOutOfRoom",)),
    Scenario("0.5 % of the records are not counted yet", {"written": "0+603x120"}, 40, ()),
    Scenario(
        "a tenth of the records is not counted",
        {"written": "0+660x120"},
        40,
        ("PanoRecordsUncounted",),
    ),
    Scenario(
        "a sensor of two is not counted",
        {f'pano_zeek_records_total{{{BRIDGE},sensor="@+"}}': "0+600x120"},
        40,
        ("PanoRecordsUncounted",),
    ),
    Scenario("some lines are no records", {"malformed": "0+5x120"}, 40, ("PanoRecordsMalformed",)),
    Scenario("2 % on port 53 is no DNS", {"not DNS": "0+24x120"}, 40, ("PanoMessagesMalformed",)),
    Scenario("batches are lost", {"batches lost": "0x9 4x110"}, 12, ("PanoBatchesLost",)),
    Scenario("batches were lost, once", {"batches lost": "0x9 4x110"}, 40, ()),
    Scenario("Kafka deletes", {"deleted": "0x9 50x110"}, 12, ("PanoMessagesDeleted",)),
    Scenario("Kafka deleted, once", {"deleted": "0x9 50x110"}, 40, ()),
    # The bridge
    Scenario(
        "the disk is full", {"failed checkpoints": "0x9 0+6x110"}, 14, ("PanoCheckpointsFail",)
    ),
    Scenario("the disk was full", {"failed checkpoints": "0x9 0+6x5 30x100"}, 40, ()),
    Scenario("a source is away", {"connected": "1x9 0x110"}, 16, ("PanoSourceNotConnected",)),
    Scenario("a source is away for a moment", {"connected": "1x9 0x4 1x110"}, 16, ()),
    Scenario(
        "the bridge is behind", {"backlog": "5000x120", "newest": "0+20x120"}, 40, ("PanoLag",)
    ),
    Scenario("nobody asked for a while", {"newest": "0x120"}, 40, ()),
    Scenario("records come from the future", {"newest": "100+60x120"}, 40, ("PanoTimeSkew",)),
    Scenario("records come from a second ahead", {"newest": "1+60x120"}, 40, ()),
    Scenario("a fifth has no label", {"folded": "0+120x120"}, 38, ("PanoLabelsFolded",)),
    Scenario("a twentieth has no label", {"folded": "0+30x120"}, 45, ()),
]
