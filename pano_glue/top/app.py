"""The live terminal, by Textual."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import work
from textual.app import App
from textual.containers import Horizontal
from textual.widgets import DataTable, Footer, Input, Sparkline, Static, Tab, Tabs

from pano_glue.errors import PanoError
from pano_glue.top.looks import fetch, now, view
from pano_glue.top.tables import drill, tables, word

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from pano_glue.pipeline.samples import Samples
    from pano_glue.top.looks import View
    from pano_glue.top.tables import Table

KEPT = 120  # looks that sparklines are drawn of
TABS = ("servers", "domains", "clients", "outcomes", "pipeline")
HELP = """[b]1[/b]-[b]5[/b] servers, domains, clients, outcomes, pipeline
[b]s[/b] sort by the next column   [b]r[/b] the other way round
[b]/[/b] show only what contains what you type; Enter goes back, Esc takes it away
[b]Enter[/b] look into a server, domain or client; Esc goes back
[b]p[/b] pause   [b]?[/b] this help   [b]q[/b] quit

Rates are of the time between two looks, each second; p50 and p99 are the upper
bounds of their buckets. `failed` is timeouts, ICMP errors and codes other than
NOERROR and NXDOMAIN. Servers stand worst first."""


class TopApp(App[None]):
    """Shows a bridge's page, again and again."""

    CSS = """
    #state { height: 1; }
    #lines { height: 2; }
    #lines Static { width: 14; }
    #lines Sparkline { width: 1fr; height: 2; margin: 0 1; }
    #wanted { display: none; height: 3; }
    #help { display: none; padding: 1 2; border: round $accent; height: auto; }
    DataTable { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *((str(number), f"tab('{name}')", name) for number, name in enumerate(TABS, 1)),
        ("s", "sort", "sort"),
        ("r", "reverse", "reverse"),
        ("slash", "filter", "filter"),
        ("p", "pause", "pause"),
        ("escape", "leave", "back"),
        ("question_mark", "help", "help"),
        ("q", "quit", "quit"),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, url: str, interval: float) -> None:
        """Look at `url` every `interval` seconds."""
        super().__init__()
        self._url, self._interval = url, interval
        self._before: Samples | None = None
        self._then = 0.0
        self._view: View | None = None
        self._trouble = "waiting for the second look"
        self._tab, self._inside = TABS[0], ""
        self._sorted: int | None = None
        self._reverse = True
        self._paused = False
        self._rates: deque[float] = deque(maxlen=KEPT)
        self._slowest: deque[float] = deque(maxlen=KEPT)

    def compose(self) -> ComposeResult:
        """Lay out the screen, for 80 by 24."""
        yield Static(id="state", markup=False)
        with Horizontal(id="lines"):
            yield Static("queries/s\n", id="rate", markup=False)
            yield Sparkline([], id="rates")
            yield Static("worst p99\n", id="worst", markup=False)
            yield Sparkline([], id="slowest")
        yield Tabs(*(Tab(name, id=name) for name in TABS))
        yield Input(placeholder="contains …", id="wanted")
        yield Static(HELP, id="help")
        yield DataTable(cursor_type="row", zebra_stripes=True)
        yield Footer(compact=True)

    def on_mount(self) -> None:
        """Begin to look."""
        self.query_one(DataTable).focus()
        self._look()
        self.set_interval(self._interval, self._look)

    @work(thread=True, exclusive=True, group="look")
    def _look(self) -> None:
        if self._paused:
            return
        try:
            after = fetch(self._url)
        except PanoError as error:
            self.call_from_thread(self._seen, None, str(error).splitlines()[0])
            return
        at, before = time.monotonic(), self._before
        self._before, then = after, self._then
        self._then = at
        if before is not None and at > then:
            self.call_from_thread(self._seen, view(before, after, at - then), "")

    def _seen(self, seen: View | None, trouble: str) -> None:
        self._trouble = trouble
        if seen is not None:
            self._view = seen
            self._rates.append(sum(server.queries for server in seen.servers))
            self._slowest.append(max((s.p99 or 0.0 for s in seen.servers), default=0.0))
            self.query_one("#rates", Sparkline).data = list(self._rates)
            self.query_one("#slowest", Sparkline).data = list(self._slowest)
            self.query_one("#rate", Static).update(f"queries/s\n{self._rates[-1]:,.1f}")
            slowest = f"worst p99\n{1000 * self._slowest[-1]:,.2f} ms"
            self.query_one("#worst", Static).update(slowest)
        self._draw()

    def _draw(self) -> None:
        seen = self._view
        paused = "PAUSED  " if self._paused else ""
        wanted = self.query_one("#wanted", Input)
        if wanted.value and not wanted.display:
            paused += f"only {word(wanted.value)!r}  "
        if seen is None or self._trouble:
            text = self._trouble
        else:
            text = f"{seen.health.age(now())} | {seen.health.complete()}"
        bad = self._trouble or "OLD" in text or "INCOMPLETE" in text
        state = Text(f"PANO top  {paused}{text}", no_wrap=True, overflow="ellipsis")
        state.stylize("bold red" if bad else "bold green")
        self.query_one("#state", Static).update(state)
        if seen is not None:
            inside = drill(seen, self._tab, self._inside) if self._inside else None
            self._fill(inside or tables(seen)[self._tab])

    def _fill(self, table: Table) -> None:
        grid = self.query_one(DataTable)
        cursor, scroll = grid.cursor_row, grid.scroll_y
        grid.clear(columns=True)
        for number, column in enumerate(table.columns):
            mark = ("▼" if self._reverse else "▲") if number == self._sorted else ""
            grid.add_column(Text(column.title + mark), key=str(number))
        wanted = "" if self._inside else self.query_one("#wanted", Input).value
        by = self._sorted
        if by is None:
            by = 2 if self._tab == "servers" and not self._inside else 1
        by = min(by, len(table.columns) - 1)
        for row in table.ranked(by, reverse=self._reverse, wanted=wanted):
            cells = [
                Text(heading.written(value), justify="right" if number else "left")
                for number, (heading, value) in enumerate(zip(table.columns, row, strict=True))
            ]
            grid.add_row(*cells, key=str(row[0]))
        grid.move_cursor(row=min(cursor, max(0, grid.row_count - 1)), animate=False)
        grid.scroll_to(y=scroll, animate=False)

    def action_tab(self, name: str) -> None:
        """Show another table."""
        self.query_one(Tabs).active = name

    def on_tabs_tab_activated(self, event: Tabs.TabActivated) -> None:
        """Show the table of a tab."""
        self._tab, self._inside, self._sorted = str(event.tab.id), "", None
        self._draw()
        self.query_one(DataTable).focus()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Look into a row."""
        if self._tab in ("servers", "domains", "clients") and not self._inside:
            self._inside, self._sorted = str(event.row_key.value), None
            self._draw()

    def on_input_changed(self) -> None:
        """Show only what contains what was typed."""
        self._draw()

    def on_input_submitted(self) -> None:
        """Go back to the table; the filter stays, and is told above."""
        self.query_one("#wanted").display = False
        self.query_one(DataTable).focus()

    def action_sort(self) -> None:
        """Sort by the next column."""
        columns = len(self.query_one(DataTable).columns) or 1
        self._sorted = ((self._sorted if self._sorted is not None else 0) + 1) % columns
        self._draw()

    def action_reverse(self) -> None:
        """Sort the other way round."""
        self._reverse = not self._reverse
        self._draw()

    def action_filter(self) -> None:
        """Ask what names must contain."""
        wanted = self.query_one("#wanted", Input)
        wanted.display = True
        wanted.focus()

    def action_pause(self) -> None:
        """Stop looking, or go on."""
        self._paused = not self._paused
        self._before = None
        self._draw()

    def action_leave(self) -> None:
        """Leave the filter, the help or what was looked into."""
        wanted = self.query_one("#wanted", Input)
        if self.query_one("#help").display:
            self.query_one("#help").display = False
        elif self._inside:
            self._inside, self._sorted = "", None
        else:
            wanted.value, wanted.display = "", False
        self.query_one(DataTable).focus()
        self._draw()

    def action_help(self) -> None:
        """Show or hide the keys."""
        shown = self.query_one("#help")
        shown.display = not shown.display
