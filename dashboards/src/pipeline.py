"""PANO / Pipeline: can the numbers be trusted? From the packet to the count, for each sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboards.src.board import HERE, SENSOR, board
from dashboards.src.panels import ZERO_IS_RIGHT, bars, figure, joined, lines, query

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import dashboard

RATE = "[$__rate_interval]"
ZEEK = f"{HERE},{SENSOR}"
OURS = '{__name__=~"pano_(agent|bridge)_build_info"}'


def pipeline() -> dashboard.Dashboard:
    """Make the board."""
    return board(
        "pano-pipeline",
        "PANO / Pipeline",
        "Is every stage there, and does each pass on all that it got?",
        ("job", "instance", "sensor"),
        {
            "Losses": _losses(),
            "From the packet to the count": _ledger(),
            "Freshness": _freshness(),
            "Agent": _agent(),
            "Sensor": _sensor(),
            "Bridge": _bridge(),
        },
    )


def _increase(family: str, where: str, by: str = "") -> str:
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (increase({family}{{{where}}}[$__range]))"


def _losses() -> list[Any]:
    def lost(title: str, meaning: str, expr: str) -> Any:  # noqa: ANN401 - the SDK's builders have no common name
        return figure(
            title, meaning, "short", f"clamp_min({expr}, 0)", ZERO_IS_RIGHT, width=3, decimals=0
        )

    return [
        lost(
            "Unread",
            "Packets mirrored and not received, in the worst five minutes now. A few come and go: stages are scraped at different moments.",
            f"max(sensor:pano_packets_unread:increase5m{{{SENSOR}}})",
        ),
        lost(
            "Dropped",
            "Packets that Zeek's capture dropped, in five minutes.",
            f"sum(sensor:pano_packets_dropped:increase5m{{{SENSOR}}})",
        ),
        lost(
            "Not mirrored",
            "Packets that the kernel could not clone, in five minutes.",
            f"sum(sensor_iface:pano_mirror_errors:increase5m{{{SENSOR}}})",
        ),
        lost(
            "Uncounted",
            "Records written and not counted, in five minutes.",
            f"max(sensor:pano_records_uncounted:increase5m{{{SENSOR}}})",
        ),
        lost(
            "Malformed",
            "Lines that are no records, in five minutes.",
            "sum(instance_source:pano_records_malformed:increase5m)",
        ),
        lost(
            "Batches lost",
            "Batches that never arrived over Broker or WebSocket, in five minutes.",
            f"sum(sensor:pano_batches_lost:increase5m{{{SENSOR}}}) or vector(0)",
        ),
        lost(
            "Deleted",
            "Kafka messages deleted before they were read, in five minutes.",
            "sum(instance_source:pano_messages_deleted:increase5m) or vector(0)",
        ),
        lost(
            "Failed checkpoints",
            "In five minutes; while they fail, pages stay as they were.",
            f"sum(increase(pano_bridge_failed_checkpoints_total{{{HERE}}}[5m]))",
        ),
    ]


def _ledger() -> list[Any]:
    agent = f"{SENSOR}"
    stages = {
        "1 matched packets": _increase(
            "pano_agent_packets_total", f'{agent},verdict="matched"', "sensor"
        ),
        "2 mirrored packets": _increase(
            "pano_agent_packets_total", f'{agent},verdict="mirrored"', "sensor"
        ),
        "3 received packets": _increase(
            "pano_zeek_packets_total", f'{ZEEK},state="received"', "sensor"
        ),
        "4 DNS messages": _increase(
            "pano_zeek_dns_messages_total", f'{ZEEK},kind=~"query|response"', "sensor"
        ),
        "5 transactions": _increase("pano_zeek_transactions_total", ZEEK, "sensor"),
        "6 records written": _increase("pano_zeek_records_total", ZEEK, "sensor"),
        "7 records counted": " + ".join(
            _increase(family, ZEEK, "sensor")
            for family in (
                "pano_dns_queries_total",
                "pano_dns_late_responses_total",
                "pano_dns_orphan_responses_total",
            )
        ),
    }
    return [
        bars(
            "Ledger",
            "In the time range. Steps 1 to 3 are packets, 4 messages, 5 to 7 transactions: within each kind the bars must be alike.",
            "short",
            [query(expr, f"{name} · {{{{sensor}}}}") for name, expr in stages.items()],
        ),
        joined(
            "Ledger, figures",
            "Where a message is in no transaction, and what became of records.",
            "sensor",
            {
                "written": ("short", stages["6 records written"]),
                "counted": ("short", stages["7 records counted"]),
                "mirrored": ("short", stages["2 mirrored packets"]),
                "received": ("short", stages["3 received packets"]),
                "dropped": (
                    "short",
                    _increase("pano_zeek_packets_total", f'{ZEEK},state="dropped"', "sensor"),
                ),
            },
        ).span(12),
    ]


def _freshness() -> list[Any]:
    newest = f"time() - max by (instance, source) (pano_bridge_newest_record_timestamp_seconds{{{HERE}}})"
    return [
        lines(
            "Newest record",
            "How long ago it was complete on the wire. It grows, too, while nobody asks.",
            "s",
            [query(newest, "{{source}}")],
            width=8,
        ),
        lines(
            "Waiting in logs",
            "Bytes that are written and not counted.",
            "bytes",
            [query(f"sum by (source) (pano_bridge_backlog_bytes{{{HERE}}})", "{{source}}")],
            width=8,
        ),
        lines(
            "Waiting in Kafka",
            "Messages behind the newest, by partition.",
            "short",
            [
                query(
                    f"sum by (topic, partition) (pano_bridge_backlog_messages{{{HERE}}})",
                    "{{topic}}/{{partition}}",
                )
            ],
            width=8,
        ),
    ]


def _agent() -> list[Any]:
    return [
        lines(
            "Packets by verdict",
            "What the capture program did with each.",
            "pps",
            [
                query(
                    f"sum by (verdict) (rate(pano_agent_packets_total{{{SENSOR}}}{RATE}))",
                    "{{verdict}}",
                )
            ],
            width=8,
        ),
        lines(
            "Errors by cause",
            "Why packets could not be mirrored (docs/agent.md).",
            "pps",
            [
                query(
                    f"sum by (cause) (rate(pano_agent_errors_total{{{SENSOR}}}{RATE})) or vector(0)",
                    "{{cause}}",
                )
            ],
            width=8,
        ),
        lines(
            "Attached again",
            "Programs that somebody detached, in an hour.",
            "short",
            [
                query(
                    f"sum by (sensor, iface) (increase(pano_agent_attached_again_total{{{SENSOR}}}[1h]))",
                    "{{sensor}} {{iface}}",
                )
            ],
            width=8,
        ),
    ]


def _sensor() -> list[Any]:
    again = {
        "queries sent again": "pano_zeek_retransmits_total",
        "replies seen again": "pano_zeek_duplicate_replies_total",
        "further messages of transfers": "pano_zeek_continued_replies_total",
        "packets seen twice": "pano_zeek_copies_total",
    }
    early = {
        "timeouts before their time": "pano_zeek_evicted_total",
        "orphans before their time": "pano_zeek_evicted_replies_total",
        "kept out of the log": "pano_zeek_vetoed_total",
    }

    def rates(families: dict[str, str]) -> list[Any]:
        return [
            query(f"sum(rate({family}{{{ZEEK}}}{RATE}))", name) for name, family in families.items()
        ]

    return [
        lines(
            "Received",
            "Bytes each second that reached Zeek.",
            "Bps",
            [query(f"sum by (sensor) (rate(pano_zeek_bytes_total{{{ZEEK}}}{RATE}))", "{{sensor}}")],
            width=8,
        ),
        lines(
            "Messages by kind",
            "What is none of query and response is in no transaction.",
            "cps",
            [
                query(
                    f"sum by (kind) (rate(pano_zeek_dns_messages_total{{{ZEEK}}}{RATE}))",
                    "{{kind}}",
                )
            ],
            width=8,
        ),
        lines(
            "Transactions by outcome",
            "As the sensor tells them.",
            "cps",
            [
                query(
                    f"sum by (outcome) (rate(pano_zeek_transactions_total{{{ZEEK}}}{RATE}))",
                    "{{outcome}}",
                )
            ],
            width=8,
        ),
        lines(
            "Seen again", "Merged into one transaction, or in none.", "cps", rates(again), width=8
        ),
        lines(
            "Ended early",
            "For want of room, or because a hook said so.",
            "cps",
            rates(early),
            width=8,
        ),
        lines(
            "Pending",
            "Queries that wait for a reply; the bound is `PANO::max_pending`.",
            "short",
            [query(f"sum by (sensor) (pano_zeek_pending{{{ZEEK}}})", "{{sensor}}")],
            width=8,
        ),
        lines(
            "Batches",
            "Sent over Broker, WebSocket or Kafka.",
            "cps",
            [
                query(
                    f"sum by (sensor) (rate(pano_zeek_batches_total{{{ZEEK}}}{RATE}))", "{{sensor}}"
                )
            ],
            width=8,
        ),
        lines(
            "Zeek's memory",
            "Resident, where its rows tell.",
            "bytes",
            [query(f"max by (sensor) (pano_zeek_memory_bytes{{{ZEEK}}})", "{{sensor}}")],
            width=8,
        ),
        lines(
            "Zeek's lag",
            "How far the packets that it reads are behind the clock.",
            "s",
            [query(f"max by (sensor) (pano_zeek_lag_seconds{{{ZEEK}}})", "{{sensor}}")],
            width=8,
        ),
        lines(
            "Zeek runs since",
            "How long ago it was started.",
            "dtdurations",
            [
                query(
                    f"time() - max by (sensor) (pano_zeek_start_time_seconds{{{ZEEK}}})",
                    "{{sensor}}",
                )
            ],
        ),
        lines(
            "Zeeks by sensor",
            "Processes that use the name now; more than one is a mistake.",
            "short",
            [query(f"max by (sensor) (pano_zeek_processes{{{ZEEK}}})", "{{sensor}}")],
        ),
    ]


def _bridge() -> list[Any]:
    def of_ours(family: str) -> str:
        return f"{family} and on (job, instance) {OURS}"

    return [
        lines(
            "Records by result",
            "Counted, malformed, or of another log.",
            "cps",
            [
                query(
                    f"sum by (source, log, result) (rate(pano_bridge_records_total{{{HERE}}}{RATE}))",
                    "{{log}} {{result}}",
                )
            ],
            width=8,
        ),
        lines(
            "Connected",
            "1 while a source that connects is connected; with it how often it was.",
            "short",
            [
                query(f"min by (source) (pano_bridge_connected{{{HERE}}})", "{{source}}"),
                query(
                    f"sum by (source) (increase(pano_bridge_connections_total{{{HERE}}}[1h]))",
                    "{{source}}, connections in an hour",
                ),
            ],
            width=8,
        ),
        lines(
            "Folded labels",
            "Records whose sensor or server is `other`.",
            "cps",
            [
                query(
                    f"sum by (label) (rate(pano_bridge_folded_labels_total{{{HERE}}}{RATE}))",
                    "{{label}}",
                )
            ],
            width=8,
        ),
        lines(
            "Age of the checkpoint",
            "Pages show what it holds.",
            "s",
            [query(f"time() - pano_bridge_checkpoint_timestamp_seconds{{{HERE}}}", "{{instance}}")],
            width=8,
        ),
        lines(
            "CPU",
            "Seconds of CPU each second, of agents and bridges.",
            "percentunit",
            [query(of_ours(f"rate(process_cpu_seconds_total{RATE})"), "{{job}} {{instance}}")],
            width=8,
        ),
        lines(
            "Memory",
            "Resident, of agents and bridges.",
            "bytes",
            [query(of_ours("process_resident_memory_bytes"), "{{job}} {{instance}}")],
            width=8,
        ),
        lines(
            "Open files",
            "Of those that the process may have.",
            "percentunit",
            [query(of_ours("process_open_fds / process_max_fds"), "{{job}} {{instance}}")],
            width=8,
        ),
        lines(
            "Running since",
            "Hours since the start.",
            "dtdurations",
            [query(of_ours("time() - process_start_time_seconds"), "{{job}} {{instance}}")],
            width=8,
        ),
        lines(
            "Versions",
            "Which version runs where: one line for each.",
            "short",
            [
                query("count by (version) (pano_bridge_build_info)", "bridge {{version}}"),
                query(
                    "count by (version, kernel) (pano_agent_build_info)",
                    "agent {{version}}, Linux {{kernel}}",
                ),
            ],
            width=8,
        ),
    ]
