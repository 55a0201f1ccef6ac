"use strict";
// Draws the charts of the page with uPlot, from the JSON beside this script. Every chart has a table in the page.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const UNITS = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];
  const TIME_STEPS = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200,
    ...[1, 2, 5, 7, 14, 30, 90, 365, 1000, 5000].map(days => days * 86400),
  ];
  const COUNT_STEPS = [1, 2, 5].flatMap(first => [0, 1, 2, 3, 4, 5, 6].map(power => first * 10 ** power)).sort((a, b) => a - b);
  const WAITS = [0, 1, 10, 60, 600, 3600, 21600, 86400, 604800, 2592000];
  const DASHES = {p0: [], p1: [9, 3], p2: [5, 3], p3: [9, 3, 2, 3], p4: [3, 2], p5: [12, 4, 2, 4, 2, 4], p6: [2, 4], p7: [7, 2, 2, 2]};
  const FONT = "11px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
  const stepped = uPlot.paths.stepped({align: 1});
  const bars = uPlot.paths.bars({size: [1, Infinity, 2], align: 1});

  const colour = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

  function duration(value) {
    if (value > 0 && value < 10) return `${+value.toFixed(1)}s`;
    let rest = Math.round(value);
    for (let place = 0; place < UNITS.length; place++) {
      const [length, unit] = UNITS[place];
      if (rest < length) continue;
      const [smaller, below] = UNITS[place + 1] ?? [Infinity, ""];
      const left = rest % length;
      return `${Math.floor(rest / length)}${unit}` + (left >= smaller ? ` ${Math.floor(left / smaller)}${below}` : "");
    }
    return "0";
  }

  const most = (...names) => Math.max(1, ...data.planners.flatMap(
    planner => names.flatMap(name => planner.series[name].filter(value => value !== null))));

  const happened = name => data.planners.some(planner => planner.series[name].some(value => value > 0));

  function axis(more) {
    const stroke = colour("soft");
    return {stroke, font: FONT, grid: {stroke: colour("grid"), width: 1}, ticks: {show: false}, gap: 6, ...more};
  }

  function shade(chart) {
    const {ctx, bbox} = chart;
    data.events.forEach(([start, end]) => {
      const left = Math.max(bbox.left, chart.valToPos(start, "x", true));
      const right = Math.min(bbox.left + bbox.width, chart.valToPos(end, "x", true));
      if (right < bbox.left || left > bbox.left + bbox.width) return;
      ctx.save();
      ctx.fillStyle = colour("shade");
      ctx.fillRect(left, bbox.top, Math.max(2, right - left), bbox.height);
      ctx.restore();
    });
  }

  function number(chart) {
    const {ctx, bbox} = chart;
    const size = 11 * devicePixelRatio;
    const used = [];
    ctx.save();
    ctx.font = `600 ${size}px system-ui, sans-serif`;
    ctx.textBaseline = "bottom";
    ctx.fillStyle = colour("bad");
    data.events.forEach(([start], place) => {
      let at = chart.valToPos(start, "x", true);
      if (at < bbox.left || at > bbox.left + bbox.width) return;
      while (used.some(other => Math.abs(other - at) < size * 1.4)) at += size * 0.5;
      used.push(at);
      ctx.fillText(String(place + 1), at, bbox.top - 1);
    });
    ctx.restore();
  }

  /** One chart in `place`; `label` is what a screen reader says of it. What is drawn last may be named first. */
  function draw(place, label, {reversed, ...options}, columns) {
    const chart = new uPlot({
      width: Math.max(200, place.clientWidth),
      cursor: {y: false, points: {size: 6}, drag: {x: true, y: false}},
      padding: [8, 12, 0, 0],
      ...options,
    }, columns, place);
    chart.root.tabIndex = 0;
    chart.root.setAttribute("role", "group");
    chart.root.setAttribute("aria-label", `${label}. The left and right arrow keys read its values.`);
    const legend = chart.root.querySelector(".u-legend");
    legend.setAttribute("aria-live", "polite");
    if (reversed) [...legend.rows].forEach((row, at, rows) => (row.style.order = at ? rows.length - at : 0));
    const canvas = chart.root.querySelector("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
    chart.root.addEventListener("keydown", event => {
      const by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
      if (!by) return;
      event.preventDefault();
      const next = (chart.cursor.idx ?? (by > 0 ? -1 : columns[0].length)) + by * (event.shiftKey ? 10 : 1);
      const at = columns[0][Math.min(columns[0].length - 1, Math.max(0, next))];
      chart.setCursor({left: chart.valToPos(at, "x"), top: 1}, true, true);
    });
    return chart;
  }

  function overTime(place, label, height, top, series, columns, more = {}) {
    const value = (_, v) => (v === null || v === undefined ? "-" : v.toLocaleString("en"));
    return draw(place, label, {
      height,
      scales: {x: {time: false}, y: {range: [0, top]}},
      axes: [
        axis({incrs: TIME_STEPS, values: (_, ticks) => ticks.map(duration), space: 60, size: 24}),
        axis({incrs: COUNT_STEPS, values: (_, ticks) => ticks.map(tick => tick.toLocaleString("en")), space: 22, size: 48}),
      ],
      series: [{label: "at", value: (_, v) => (v === null ? "-" : duration(v))}, ...series.map(one => ({value, ...one}))],
      cursor: {y: false, points: {show: false}, drag: {x: true, y: false}, sync: {key: "time"}},
      ...more,
      hooks: {drawClear: [shade], ...more.hooks},
    }, [data.times, ...columns]);
  }

  /** Runs waiting, a tier upon the other, the highest at the bottom. */
  function queue(place, planner, height, hooks = {}) {
    const tiers = data.tiers.map((name, at) => ({name, at, own: planner.series[`waiting ${at}`]}));
    const sums = [];
    tiers.forEach(({own, at}) => sums.push(own.map((value, time) => (value === null ? null : value + (at ? sums[at - 1][time] : 0)))));
    const shown = tiers.filter(({own}) => own.some(value => value > 0)).reverse();
    const top = Math.max(1, ...data.planners.flatMap(one => data.times.map(
      (_, time) => data.tiers.reduce((sum, _name, at) => sum + (one.series[`waiting ${at}`][time] ?? 0), 0))));
    const series = shown.map(({name, at, own}) => ({
      label: name, fill: colour(`t${at % 6}`), stroke: colour("card"), width: 0.5, paths: stepped, points: {show: false},
      value: (_, v, __, time) => (time === null || own[time] === null ? "-" : own[time].toLocaleString("en")),
    }));
    const legend = {markers: {fill: (_, at) => (at ? colour(`t${shown[at - 1].at % 6}`) : null), width: 0}};
    return overTime(place, `Runs waiting over time under ${planner.told}`, height, top, series, shown.map(({at}) => sums[at]), {legend, hooks, reversed: true, padding: [hooks.draw ? 16 : 8, 12, 0, 0]});
  }

  function share(place, planner, name, title) {
    const columns = [name, `${name} low`, `${name} high`].map(key => planner.series[key]);
    const line = {stroke: colour(name), width: 1.3, paths: stepped, points: {show: false}};
    const edge = {...line, width: 0};
    const per = (_, v) => (v === null || v === undefined ? "-" : `${v}%`);
    const series = [
      {label: "mean", ...line, value: per}, {label: "least", ...edge, value: per}, {label: "most", ...edge, value: per},
      {label: "guard", stroke: colour("bad"), width: 1.3, dash: [5, 4], points: {show: false}, value: per},
    ];
    const bands = [{series: [3, 2], fill: colour(`${name}-veil`)}];
    columns.push(data.times.map(() => data[name].guard));
    return overTime(place, `${title} over time under ${planner.name}`, 104, Math.max(100, most(`${name} high`)), series, columns, {bands});
  }

  function counts(place, planner, names, title, paths) {
    const series = names.map(([name, tone]) => ({
      label: name, stroke: colour(tone), fill: paths === bars ? colour(tone) : undefined, width: paths === bars ? 0 : 1.4,
      dash: name === "suspended" ? [3, 3] : [], paths, points: {show: false},
    }));
    return overTime(place, `${title} over time under ${planner.name}`, 90, most(...names.map(([name]) => name)), series, names.map(([name]) => planner.series[name]));
  }

  function timeCharts(place, planner) {
    const length = duration(data.times[1] ?? 0);
    const strips = [
      ["Runs waiting", at => queue(at, planner, 190, {draw: [number]})],
      ["Runs active", (at, title) => counts(at, planner, [["running", "p0"], ["suspended", "bad"]].filter(([name]) => name === "running" || happened(name)), title, stepped)],
      [`CPU in use, % of ${data.cpu.of}`, (at, title) => share(at, planner, "cpu", title)],
      [`Memory in use, % of ${data.memory.of}`, (at, title) => share(at, planner, "memory", title)],
    ];
    for (const [name, title] of [["killed", "Runs killed out of memory"], ["preempted", "Runs preempted"]])
      if (happened(name))
        strips.push([`${title}, per ${length}`, (at, told) => counts(at, planner, [[name, name === "killed" ? "bad" : "ink"]], told, bars)]);
    return strips.map(([title, make]) => {
      const heading = document.createElement("h4");
      heading.textContent = title;
      const at = document.createElement("div");
      place.append(heading, at);
      return safely(at, () => make(at, title));
    });
  }

  /** The share of a tier's runs that had started, by time waited; ours last, and so on top. */
  function waits(place, tier, curves) {
    const longest = data.waits.times[data.waits.times.length - 1];
    const order = data.planners.map((planner, at) => ({planner, curve: curves[at]})).reverse();
    const series = order.map(({planner}) => ({
      label: planner.name, stroke: colour(planner.colour), width: planner.colour === "p0" ? 2.6 : 1.6,
      dash: DASHES[planner.colour], points: {show: false}, value: (_, v) => (v === null ? "-" : `${v}%`),
    }));
    return draw(place, `Share of the runs of ${tier} that had started, by time waited`, {
      height: 230,
      scales: {x: {time: false, distr: 100, fwd: Math.log1p, bwd: Math.expm1, range: [0, longest]}, y: {range: [0, 100]}},
      axes: [
        axis({splits: () => WAITS.filter(at => at <= longest), filter: (_, ticks) => ticks, values: (_, ticks) => ticks.map(duration), size: 24}),
        axis({splits: () => [0, 25, 50, 75, 95], values: (_, ticks) => ticks.map(tick => `${tick}%`), size: 42}),
      ],
      series: [{label: "waited", value: (_, v) => (v === null ? "-" : duration(v))}, ...series],
      reversed: true,
      legend: {markers: {width: 2, dash: (_, at) => (!at || order[at - 1].planner.colour === "p0" ? "solid" : order[at - 1].planner.colour === "p6" ? "dotted" : "dashed")}},
      cursor: {y: false, points: {size: 6}, drag: {x: false, y: false, setScale: false}},
    }, [data.waits.times, ...order.map(({curve}) => curve)]);
  }

  /** A chart that cannot be drawn says so in its place, and the others go on. */
  function safely(place, make) {
    try {
      return make();
    } catch (error) {
      console.error(error);
      place.textContent = `This chart could not be drawn (${error.message}). The tables have its numbers.`;
      document.getElementById("failed").hidden = false;
      document.getElementById("failed").textContent = "Some charts could not be drawn. The tables have their numbers.";
      return null;
    }
  }

  const charts = new Map();

  function fill(place, make) {
    (charts.get(place) ?? []).forEach(chart => chart?.destroy());
    place.replaceChildren();
    charts.set(place, data.times.length > 1 ? [make(place)].flat() : []);
  }

  function chosen() {
    const place = document.getElementById("over-time");
    const planner = data.planners[document.querySelector("input[name=planner]:checked").value];
    fill(place, () => timeCharts(place, planner));
  }

  function drawAll() {
    chosen();
    for (const place of document.querySelectorAll("[data-queue]"))
      fill(place, () => safely(place, () => queue(place, data.planners[place.dataset.queue], 150)));
        for (const place of document.querySelectorAll("[data-waits]"))
      fill(place, () => safely(place, () => waits(place, ...data.waits.tiers[place.dataset.waits])));
  }

  function resize() {
    for (const made of charts.values())
      for (const chart of made) chart?.setSize({width: Math.max(200, chart.root.parentElement.clientWidth), height: chart.height});
  }

  drawAll();
  document.querySelectorAll("input[name=planner]").forEach(input => input.addEventListener("change", chosen));
  new ResizeObserver(resize).observe(document.querySelector("main"));
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", drawAll);
})();
