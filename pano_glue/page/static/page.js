// The live page. Everything that comes from the wire is set as text, never as markup.
"use strict";

const EVERY = 5000; // milliseconds between two looks
const OLD = 60; // seconds after which the newest record is said to be old
const HEIGHT = 190; // pixels of a chart without its legend
const COLOURS = {
  NOERROR: "#56a64b", NXDOMAIN: "#3274d9", SERVFAIL: "#e02f44", REFUSED: "#ff780a", FORMERR: "#a352cc",
  NOTIMP: "#705da0", other: "#8e8e8e", queries: "#3274d9", p50: "#56a64b", p95: "#c08a00", p99: "#e02f44",
  timeouts: "#b05a5a", servfail: "#e02f44", nxdomain: "#3274d9",
};
const REST = ["#8e8e8e", "#9a6700", "#1b7c83", "#bf3989"];
const TOPS = { domains: "Domains, queries", nxdomain: "Domains, NXDOMAIN", failing: "Domains, failures", clients: "Clients, queries" };
const by = (id) => document.getElementById(id);
const charts = new Map();

const missing = (value) => value === null || value === undefined;
const count = (value) => missing(value) ? "–" : value === 0 ? "0" : value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(value >= 10 ? 1 : 2);
const share = (value) => missing(value) ? "–" : (value ? (100 * value).toFixed(2) : 0) + " %";
const time = (value) => missing(value) ? "–" : value >= 1 ? value.toFixed(2) + " s" : value >= 0.001 ? (1000 * value).toFixed(1) + " ms" : value ? Math.round(1e6 * value) + " µs" : "0";

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function draw(id, times, lines, format, words) {
  const place = by(id);
  const names = Object.keys(lines);
  const data = [times, ...names.map((name) => lines[name])];
  const last = names.map((name) => `${name} ${format(lines[name].at(-1))}`).join(", ");
  place.setAttribute("aria-label", `${words}. Now: ${last || "nothing yet"}.`);
  let chart = charts.get(id);
  if (chart && chart.names === names.join()) {
    chart.plot.setData(data);
    chart.plot.setLegend({ idx: times.length - 1 });
    return;
  }
  if (chart) chart.plot.destroy();
  const axis = { stroke: () => ink("--soft"), grid: { stroke: () => ink("--line"), width: 1 }, ticks: { stroke: () => ink("--line") } };
  const options = {
    width: place.clientWidth, height: HEIGHT,
    scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    axes: [{ ...axis }, { ...axis, size: 76, values: (_, ticks) => ticks.map(format) }],
    series: [{ value: (_, at) => at === null ? "–" : new Date(at * 1000).toLocaleTimeString() }],
    // What is now, until somebody points elsewhere.
    hooks: { ready: [(plot) => plot.setLegend({ idx: times.length - 1 })] },
    legend: { live: place.clientWidth > 420 },
  };
  names.forEach((name, i) => {
    options.series.push({ label: name, stroke: COLOURS[name] || REST[i % REST.length], width: 2, value: (_, value) => format(value), points: { show: times.length < 3 } });
  });
  chart = { names: names.join(), plot: new uPlot(options, data, place) };
  charts.set(id, chart);
}

function fill(table, rows, cells, empty) {
  const body = table.tBodies[0];
  const made = rows.map((row) => {
    const line = element("tr");
    cells(row).forEach(([text, kind], i) => {
      const cell = element(i ? "td" : "th", text, kind);
      if (!i) cell.scope = "row";
      line.append(cell);
    });
    if (row.failed > 0.01) line.className = "bad";
    return line;
  });
  if (!made.length) {
    const line = element("tr");
    const cell = element("td", empty, "empty");
    cell.colSpan = table.tHead.rows[0].cells.length || 1;
    line.append(cell);
    made.push(line);
  }
  body.replaceChildren(...made);
}

function showTops(tops) {
  by("tops").replaceChildren(...Object.entries(tops).map(([name, rows]) => {
    const card = element("div");
    const title = element("h2", TOPS[name] + " ");
    title.append(element("small", "per second"));
    const table = element("table");
    const body = element("tbody");
    for (const [value, rate] of rows.slice(0, 10)) {
      const line = element("tr");
      line.append(element("td", value, "name"), element("td", count(rate)));
      body.append(line);
    }
    table.append(body);
    card.append(title, rows.length ? table : element("p", "none in the last minute", "empty"));
    return card;
  }));
}

function showFailures(failures) {
  const head = by("failures").tHead.rows[0];
  const columns = ["time", "client", "server", "query", "qtype", "rcode", "uid"].filter((name) => name === "time" || !failures.length || name in failures[0]);
  head.replaceChildren(...columns.map((name) => {
    const cell = element("th", { query: "name", qtype: "type", rcode: "ended as", uid: "uid · id" }[name] || name, "text");
    cell.scope = "col";
    return cell;
  }));
  const at = (ts) => typeof ts === "number" ? new Date(ts * 1000).toLocaleTimeString() : ts;
  const text = { time: (f) => at(f.ts), uid: (f) => `${f.uid} · ${f.trans_id}` };
  fill(by("failures"), failures, (f) => columns.map((name) => [(text[name] || ((one) => one[name]))(f), name === "query" ? "name" : "text"]), "none since the bridge was started");
}

function badge(data) {
  const mark = (state, text) => {
    const place = by("badge");
    place.dataset.state = state;
    if (place.textContent !== text) place.textContent = text; // or a screen reader would repeat it
  };
  const age = data.now - data.newest;
  const lost = data.missing;
  if (!data.newest) mark("wait", "no record yet");
  else if (age > OLD) mark("warn", `newest record is ${Math.round(age / 60) || 1} min old`);
  else if (lost.packets > 0 || lost.batches > 0) mark("bad", `incomplete: ${count(lost.packets)} packets and ${count(lost.batches)} batches lost`);
  else if (!lost.told) mark("wait", "no sensor tells whether this is all");
  else if (lost.records > 1000) mark("warn", `${count(lost.records)} records are not counted yet`);
  else mark("good", "complete");
}

function show(data) {
  const { points, codes } = data;
  const last = (name) => points[name].at(-1);
  by("f-queries").textContent = count(last("queries")) + (points.time.length ? " /s" : "");
  by("f-success").textContent = share(last("success"));
  by("f-p99").textContent = time(last("p99"));
  by("f-timeouts").textContent = share(last("timeouts"));
  by("f-servfail").textContent = share(last("servfail"));
  const some = (...names) => Object.fromEntries(names.map((name) => [name, points[name]]));
  draw("c-queries", points.time, some("queries"), count, "Queries per second");
  draw("c-latency", points.time, some("p50", "p95", "p99"), time, "Time to answer");
  draw("c-shares", points.time, some("timeouts", "servfail", "nxdomain"), share, "Shares that fail");
  draw("c-codes", points.time, codes, count, "Responses per second by code");
  fill(by("servers"), data.servers, (s) => [[s.server], [count(s.queries)], [share(s.failed), "mark"], [time(s.p50)], [time(s.p99)], [share(s.timeouts)], [share(s.servfail)], [share(s.nxdomain)], [share(s.again)]], "no server yet");
  showTops(data.tops);
  showFailures(data.failures);
  by("version").textContent = `PANO ${data.version}`;
  badge(data);
}

async function look() {
  try {
    const answer = await fetch("/page/data.json", { credentials: "same-origin" });
    if (!answer.ok) throw new Error(answer.status);
    const data = await answer.json();
    if (data.points) show(data);
  } catch {
    by("badge").dataset.state = "bad";
    by("badge").textContent = "the bridge does not answer";
  }
}

function fit() {
  for (const [id, { plot }] of charts) plot.setSize({ width: by(id).clientWidth, height: HEIGHT });
}

addEventListener("resize", fit);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach(({ plot }) => plot.redraw(false)));
look();
setInterval(() => document.hidden || look(), EVERY);
document.addEventListener("visibilitychange", () => document.hidden || look());
