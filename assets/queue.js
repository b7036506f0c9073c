/* The line of waiting runs on Watch, and what is told of a silent worker (ui/watch_queue.py and watch_view.py give the words). */
(() => {
  "use strict";
  const { make, word, put, poller } = window.fm;
  const say = (key, values) => word(`watch.js.${key}`, values);
  const MOVES = [["next", "⇈"], ["up", "↑"], ["down", "↓"], ["cancel", "✕"]];

  function ask(what) {
    window.fm.watch.asked = what;
    document.getElementById("watch-line-do").click();
  }

  function line(at) {
    const card = make("section", "fm-card fm-line"), rows = make("ol", "fm-line-rows"), title = make("h3", "", say("line"));
    const fallen = make("div", "fm-trouble", "", { role: "status" }), told = make("p"), names = make("p", "fm-muted", "", { dir: "auto" }), acts = make("div", "fm-actions");
    const restart = make("button", "fm-small", "", { type: "button", id: "watch-restart" }), drop = make("button", "fm-small", say("drop"), { type: "button", id: "watch-drop" });
    const wish = make("label", "fm-line-wish"), box = make("input", "", "", { type: "checkbox", id: "watch-at-start" });
    restart.onclick = () => ask("restart");
    drop.onclick = () => ask("drop");
    box.onchange = () => ask(`at-start ${box.checked ? "on" : "off"}`);
    acts.append(restart, drop);
    fallen.append(told, names, acts);
    wish.append(box, make("span", "", say("at-start")));
    card.append(fallen, title, rows, wish);
    at.append(card);
    card.hidden = true;
    const made = new Map();

    function row(id) {
      const parts = { root: make("li"), place: make("span", "fm-line-place"), name: make("button", "fm-line-name", id, { type: "button", dir: "auto" }), devices: make("span", "fm-muted"), buttons: {} };
      parts.name.onclick = () => window.fm.mark({ run: id });
      parts.root.append(parts.place, parts.name, parts.devices);
      for (const [what, sign] of MOVES) {
        const label = word(`watch.js.line.${what}`, { name: id });
        const button = make("button", "fm-line-move", sign, { type: "button", title: label, "aria-label": label, "data-move": what });
        button.onclick = () => ask(`${what} ${id}`);
        parts.buttons[what] = button;
        parts.root.append(button);
      }
      return parts;
    }

    window.fm.watch.lineNow = poller(at, async () => {
      const now = await window.fm.ask("waiting_line");
      const known = new Set(now.rows.map(({ id }) => id)), focused = document.activeElement;
      for (const [id, parts] of made) if (!known.has(id)) { parts.root.remove(); made.delete(id); }
      now.rows.forEach(({ id, place, told: words, devices, last }, index) => {
        if (!made.has(id)) made.set(id, row(id));
        const parts = made.get(id);
        if (rows.children[index] !== parts.root) rows.insertBefore(parts.root, rows.children[index] ?? null);
        put(parts.place, String(place)); put(parts.devices, devices);
        parts.place.title = words;
        parts.buttons.next.disabled = parts.buttons.up.disabled = place === 1;
        parts.buttons.down.disabled = last;
      });
      if (focused && rows.contains(focused) && document.activeElement !== focused) focused.focus();
      fallen.hidden = !now.fallen.told;
      put(told, now.fallen.told); put(names, now.fallen.names); put(restart, now.fallen.restart);
      box.checked = now.at_start;
      title.hidden = rows.hidden = !now.rows.length;
      card.hidden = !now.rows.length && fallen.hidden;
    }, 4000);
  }

  /* The block of a silent worker; `press(what)` does what was clicked. */
  function silent(press) {
    const root = make("section", "fm-trouble", "", { role: "status", id: "watch-silent" }), line = make("p", "fm-trouble-line"), about = make("p"), acts = make("div", "fm-actions");
    const fold = make("details", "fm-values"), stack = make("pre", "fm-log");
    fold.append(make("summary", "", say("stack")), stack);
    const waited = new Set();
    let run = "";
    for (const what of ["end-resume", "end", "wait"]) {
      const button = make("button", "fm-button", say(what), { type: "button", id: `watch-${what}` });
      button.onclick = () => { if (what === "wait") { waited.add(run); acts.hidden = true; } else press(what); };
      acts.append(button);
    }
    root.append(line, about, acts, fold);
    root.hidden = true;
    function show(id, told) {
      run = id;
      root.hidden = !told;
      if (!told) { waited.delete(id); return; }
      put(line, `${told.line} ${told.why}`); put(about, told.about); put(stack, told.stack);
      fold.hidden = !told.stack;
      acts.hidden = waited.has(id);
    }
    return { root, show };
  }

  Object.assign(window.fm.watch, { line, silent, asked: "" });
})();
