/* Live curves and still figures with Plotly (ui/charts.py): zoom, hover and hidden lines outlive every update. */
(() => {
  "use strict";
  const { make, word, put } = window.fm;
  const token = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
  const CONFIG = () => ({ displaylogo: false, showSendToCloud: false, locale: window.fm.lang() === "zh" ? "zh-CN" : "en-US",
    modeBarButtons: [["toImage", "resetScale2d"]], toImageButtonOptions: { format: "svg" } });

  let ready = null;
  const plotly = () => (ready ??= window.fm.plotly().then((Plotly) => {
    const names = { "Download plot as a SVG": "image", "Download plot as a PNG": "image", "Download plot": "image", "Reset axes": "reset", "Autoscale": "reset",
      "Double-click to zoom back out": "back", "Taking snapshot - this may take a few seconds": "wait", "Snapshot succeeded": "ok" };
    const dictionary = Object.fromEntries(Object.entries(names).map(([english, key]) => [english, word(`chart.mode.${key}`)]));
    Plotly.register({ moduleType: "locale", name: "zh-CN", dictionary, format: {} });
    return Plotly;
  }, (problem) => { ready = null; throw problem; }));

  const resized = new ResizeObserver((all) => requestAnimationFrame(() => {
    for (const { target } of all) if (target.offsetParent !== null && target._fullLayout) window.Plotly.Plots.resize(target);
  }));

  function layout(extra = {}) {
    const line = token("--fm-line"), axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true, tickfont: { size: 11 } };
    const font = { color: token("--fm-text"), family: getComputedStyle(document.body).fontFamily, size: 12 };
    const { xaxis, yaxis, ...rest } = extra;
    return { margin: { l: 44, r: 12, t: 8, b: 36 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font, autosize: true,
      hoverlabel: { bgcolor: token("--fm-card"), bordercolor: line, font }, modebar: { bgcolor: "rgba(0,0,0,0)", color: token("--fm-muted"), activecolor: token("--fm-accent") },
      colorway: colours(), xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...rest };
  }
  const colours = () => [1, 2, 3, 4, 5, 6, 7].map((index) => token(`--fm-curve-${index}`));
  // "var(--fm-accent)" anywhere in a figure becomes the theme's colour
  function coloured(value) {
    if (typeof value === "string") { const found = value.match(/^var\((--[\w-]+)\)$/); return found ? token(found[1]) : value; }
    if (Array.isArray(value)) return value.map(coloured);
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, coloured(part)]));
    return value;
  }
  const asTable = (rows) => {
    const table = make("table", "fm-table");
    rows.forEach((cells, index) => { const line = make("tr"); cells.forEach((cell) => line.append(make(index ? "td" : "th", "", String(cell)))); table.append(line); });
    return table;
  };
  function valuesFold() {
    const fold = make("details", "fm-values"), body = make("div", "fm-values-body");
    fold.append(make("summary", "", word("chart.values")), body);
    return { fold, body };
  }

  /* Draws the figure `value` in `at`, again when it changes. */
  window.fm.figure = async (at, value) => {
    at._value = value;
    if (!at._parts) {
      at._parts = { title: make("h4", "fm-chart-title"), plot: make("div", "fm-plot"), ...valuesFold() };
      at._parts.plot.setAttribute("role", "img");
      at.append(at._parts.title, at._parts.plot, at._parts.fold);
      resized.observe(at._parts.plot);
      window.addEventListener("fm:theme", () => { if (at.isConnected) window.fm.figure(at, at._value); });
    }
    const { title, plot, fold, body } = at._parts, shown = Boolean(value?.data);
    at.hidden = !shown;
    if (!shown) return;
    put(title, value.title || "");
    title.hidden = !value.title;
    plot.style.height = `${value.height || 260}px`;
    plot.setAttribute("aria-label", value.title || word("chart.figure"));
    fold.hidden = !value.table;
    if (value.table) body.replaceChildren(asTable(value.table));
    const Plotly = await plotly();
    if (at._value !== value) return;
    await Plotly.react(plot, coloured(value.data), layout(coloured(value.layout || {})), CONFIG());
    // a click on a point leaves "y,x" on the plot and clicks the button whose id the figure names
    if (value.pick && !plot._picks) {
      plot._picks = true;
      plot.on("plotly_click", ({ points: [{ x, y }] }) => { plot.dataset.picked = `${y},${x}`; document.getElementById(at._value.pick)?.click(); });
    }
  };

  // -- live curves
  const unpack = (text, Kind) => { const raw = atob(text), bytes = new Uint8Array(raw.length); for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i); return new Kind(bytes.buffer); };
  const short = (value) => (value === undefined || value === null ? "–" : Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en-US")
    : value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(1) : String(Number(value.toPrecision(3))));
  const SHARE = { range: [0, 1.04], autorange: false }; // of a score between 0 and 1; the line at 1 is not cut
  // an exponential mean that starts unbiased
  function smooth(y, weight) {
    if (!weight) return y;
    let mean = 0, seen = 0;
    return y.map((value) => { mean = mean * weight + value * (1 - weight); seen = seen * weight + (1 - weight); return mean / seen; });
  }

  window.fm.liveCharts = (at) => {
    const runs = new Map(); // id -> {cursor, curves: key -> {x, y, last}, best}
    const drawn = new Map(); // panel id -> its elements
    const view = { smooth: 0, log: false, panels: [], revision: 0 };
    let order = [], dirty = false; // dirty: something came that is not drawn yet
    const wanted = () => [window.fm.param("run"), ...window.fm.param("with").split(",")].filter((id, index, all) => id && all.indexOf(id) === index).slice(0, 7);

    function take(told) {
      const held = runs.get(told.id) ?? { curves: new Map(), cursor: {} };
      if (told.fresh) held.curves = new Map();
      const count = {};
      let changed = told.fresh || held.best !== told.best;
      for (const [key, { x, y, n, last }] of Object.entries(told.curves)) {
        const curve = held.curves.get(key) ?? { x: [], y: [], last: null };
        curve.x.push(...unpack(x, Int32Array));
        curve.y.push(...unpack(y, Float32Array));
        changed ||= x !== "" || String(curve.last) !== String(last);
        curve.last = last;
        held.curves.set(key, curve);
        count[key] = n;
      }
      held.cursor = { stamp: told.stamp, n: count };
      held.best = told.best;
      runs.set(told.id, held);
      return changed;
    }

    function points(curve) {
      const { x, y, last } = curve;
      return last && (!x.length || last[0] > x[x.length - 1]) ? [[...x, last[0]], [...y, last[1]]] : [x, y];
    }

    function traces(panel) {
      const palette = colours(), made = [];
      order.forEach((id, index) => {
        const run = runs.get(id), color = palette[index];
        for (const { key, label, strong } of panel.curves) {
          const curve = run?.curves.get(key);
          if (!curve) continue;
          const [x, raw] = points(curve), weight = strong ? 0 : view.smooth;
          const name = order.length > 1 ? `${id} · ${label}` : label;
          const base = { type: "scatter", x, legendgroup: id + key, hovertemplate: "%{y:.4~g}" };
          const light = panel.large && !strong;
          if (weight) made.push({ ...base, y: raw, uid: `${id}|${key}|raw`, mode: "lines", showlegend: false, hoverinfo: "skip", hovertemplate: undefined, opacity: 0.25, line: { color, width: 1 } });
          made.push({ ...base, y: smooth(raw, weight), uid: `${id}|${key}`, name, mode: strong && x.length < 40 ? "lines+markers" : "lines",
            opacity: light && !weight ? 0.55 : 1, line: { color, width: strong && panel.large ? 2.5 : 1.5 }, marker: { size: 5 } });
          const best = strong && key.startsWith("validation/") ? x.indexOf(run.best) : -1;
          if (best >= 0) made.push({ ...base, x: [x[best]], y: [raw[best]], uid: `${id}|${key}|best`, name: word("chart.best"), mode: "markers", showlegend: false,
            hovertemplate: `${word("chart.best")} %{y:.4~g}`, marker: { symbol: "star", size: 13, color, line: { color: token("--fm-card"), width: 1.5 } } });
        }
      });
      return made;
    }

    function build(panel) {
      const root = make("section", panel.large ? "fm-chart fm-chart-large" : "fm-chart");
      const bar = make("header", "fm-chart-head"), title = make("h4", "fm-chart-title", panel.title), now = make("span", "fm-chart-now");
      const plot = make("div", "fm-plot", "", { role: "img", "aria-label": panel.title });
      if (panel.term) title.append(make("fm-term", "", "", { key: panel.term }));
      bar.append(title, now);
      if (panel.large) bar.append(controls());
      root.append(bar, plot);
      resized.observe(plot);
      if (!panel.large) return { root, plot, now };
      const values = valuesFold(); // of all curves, those of the small charts too
      root.append(values.fold);
      values.fold.addEventListener("toggle", () => draw());
      return { root, plot, now, ...values };
    }

    function controls() {
      const box = make("span", "fm-chart-tools"), smoothing = make("label", "", word("chart.smooth")), log = make("label", "", word("chart.log"));
      const slider = make("input", "", "", { type: "range", min: "0", max: "0.98", step: "0.02", value: "0", id: "watch-smooth" });
      const toggle = make("input", "", "", { type: "checkbox", id: "watch-log" });
      slider.oninput = () => { view.smooth = Number(slider.value); draw(); };
      toggle.onchange = () => { view.log = toggle.checked; draw(); };
      smoothing.append(slider);
      log.prepend(toggle);
      box.append(smoothing, log);
      return box;
    }

    function valuesTable() {
      const rows = [["", word("chart.step"), word("chart.last"), word("chart.lowest"), word("chart.highest")]];
      for (const panel of view.panels) for (const id of order) for (const { key, label } of panel.curves) {
        const curve = runs.get(id)?.curves.get(key);
        if (!curve?.last) continue;
        const [, y] = points(curve);
        const name = panel.title === label ? label : `${panel.title}, ${label}`;
        rows.push([order.length > 1 ? `${id} · ${name}` : name, curve.last[0].toLocaleString("en-US"), short(curve.last[1]),
          short(y.reduce((a, b) => Math.min(a, b))), short(y.reduce((a, b) => Math.max(a, b)))]);
      }
      return asTable(rows);
    }

    const none = make("p", "fm-muted", word("chart.none"));
    none.hidden = true;
    at.append(none);

    async function draw() {
      const Plotly = await plotly();
      view.revision += 1; // curves grow in place, and Plotly looks at the same arrays again only for a new number
      for (const panel of view.panels) {
        const parts = drawn.get(panel.id);
        const focus = runs.get(order[0])?.curves, main = panel.curves.findLast(({ key }) => focus?.get(key)?.last);
        put(parts.now, main ? short(focus.get(main.key).last[1]) : "");
        if (parts.fold?.open) parts.body.replaceChildren(valuesTable());
        const many = order.length > 1;
        await Plotly.react(parts.plot, traces(panel), layout({
          datarevision: view.revision, uirevision: order.join(), hovermode: "x unified", showlegend: Boolean(panel.large), legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12 }, bgcolor: "rgba(0,0,0,0)" },
          margin: panel.large ? { l: 52, r: 12, t: many ? 44 : 30, b: 40 } : { l: 44, r: 12, t: 6, b: 28 },
          xaxis: { title: panel.large ? { text: word("chart.step"), font: { size: 12 } } : undefined, rangemode: "tozero", nticks: panel.large ? 10 : 4, uirevision: order.join() },
          yaxis: { exponentformat: "e", type: panel.large && view.log ? "log" : "linear", nticks: panel.large ? 7 : 4, ...(panel.share ? SHARE : {}), uirevision: `${order.join()}${panel.large && view.log}` },
        }), CONFIG());
      }
    }

    async function news() {
      const now = wanted();
      if (now.join() !== order.join()) {
        dirty = true;
        order = now;
        for (const id of runs.keys()) if (!order.includes(id)) runs.delete(id);
      }
      at.hidden = !order.length;
      if (!order.length) return false;
      const cursor = Object.fromEntries([...runs].map(([id, run]) => [id, run.cursor]));
      const told = await window.fm.ask("new_points", { runs: order, cursor });
      if (wanted().join() !== order.join()) return true; // an answer to a question no longer asked
      for (const run of told.runs) dirty = take(run) || dirty;
      if (told.more) return true;
      if (JSON.stringify(told.panels) !== JSON.stringify(view.panels)) {
        view.panels = told.panels;
        for (const [id, parts] of drawn) if (!told.panels.some((panel) => panel.id === id)) { window.Plotly?.purge(parts.plot); parts.root.remove(); drawn.delete(id); }
        for (const panel of told.panels) { if (!drawn.has(panel.id)) drawn.set(panel.id, build(panel)); at.append(drawn.get(panel.id).root); }
        dirty = true;
      }
      none.hidden = told.panels.length > 0;
      if (dirty) { dirty = false; await draw(); }
      return false;
    }
    window.addEventListener("fm:theme", draw);
    window.fm.poller(at, news, 2000, { within: at.parentElement });
  };
})();
