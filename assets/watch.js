/* The Watch tab (ui/watch_view.py gives the words): list, head, story, note. Everything is made once and then only filled. */
(() => {
  "use strict";
  const { make, word, put, poller, param, ask } = window.fm;
  const say = (key, values) => word(`watch.js.${key}`, values);
  const chosen = () => param("run");
  const overlaid = () => param("with").split(",").filter(Boolean);
  const here = () => window.fm.tab() === "watch";
  const swatch = (id) => { const at = [chosen(), ...overlaid()].indexOf(id); return at < 0 ? "transparent" : `var(--fm-curve-${at + 1})`; };
  let refresh = () => {};
  const lang = window.fm.lang() === "zh" ? "zh-CN" : "en-GB";
  /* "14:32", with the date if that was another day. */
  function clock(seconds) {
    const then = new Date(seconds * 1000), today = then.toDateString() === new Date().toDateString();
    return then.toLocaleString(lang, { hour: "2-digit", minute: "2-digit", ...(today ? {} : { day: "numeric", month: "short" }) });
  }

  function list(at) {
    const title = make("h3", "fm-side-title", say("runs")), rows = make("ul", "fm-runs"), empty = make("div", "fm-empty");
    const go = make("button", "fm-button fm-button-primary", say("empty.go"), { type: "button", id: "watch-empty-go" });
    go.onclick = () => window.fm.go("train");
    empty.append(make("h3", "", say("empty")), make("p", "fm-muted", say("empty.about")), go);
    empty.hidden = true;
    const wait = make("p", "fm-muted", word("page.wait"), { role: "status" }); // until the server has answered once
    at.append(title, rows, empty, wait);
    const made = new Map();

    function row(id) {
      const parts = { root: make("li", "fm-run"), pick: make("button", "fm-run-pick", "", { type: "button" }), dot: make("i", "fm-dot"), name: make("b", "fm-run-name", id, { dir: "auto" }),
        word: make("span", "fm-run-word"), task: make("span", "fm-run-task"), score: make("span", "fm-run-score"), age: make("span", "fm-run-age") };
      const top = make("span", "fm-run-line"), bottom = make("span", "fm-run-line fm-muted");
      top.append(parts.dot, parts.name, parts.word);
      bottom.append(parts.task, parts.score, parts.age);
      parts.pick.append(top, bottom);
      parts.pick.onclick = () => window.fm.mark({ run: id, with: overlaid().filter((other) => other !== id).join() });
      const compare = make("label", "fm-run-compare", "", { title: say("compare") });
      parts.box = make("input", "", "", { type: "checkbox", "aria-label": `${say("compare")}: ${id}` });
      parts.box.onchange = () => window.fm.mark({ with: [...overlaid().filter((other) => other !== id), ...(parts.box.checked ? [id] : [])].join() });
      compare.append(parts.box);
      parts.root.append(parts.pick, compare);
      return parts;
    }

    refresh = poller(at, async () => {
      const told = await ask("all_runs");
      wait.remove();
      const known = new Set(told.rows.map(({ id }) => id));
      for (const [id, parts] of made) if (!known.has(id)) { parts.root.remove(); made.delete(id); }
      told.rows.forEach(({ id, tone, word: state, task, score, age }, index) => {
        if (!made.has(id)) made.set(id, row(id));
        const parts = made.get(id);
        if (rows.children[index] !== parts.root) rows.insertBefore(parts.root, rows.children[index] ?? null);
        parts.dot.dataset.tone = tone;
        put(parts.word, state); put(parts.task, task); put(parts.score, score); put(parts.age, age);
        const focus = id === chosen(), over = overlaid().includes(id);
        parts.root.classList.toggle("fm-chosen", focus);
        parts.pick.setAttribute("aria-current", String(focus));
        parts.box.checked = focus || over;
        parts.box.disabled = focus;
        parts.root.style.setProperty("--swatch", swatch(id));
      });
      empty.hidden = told.rows.length > 0;
      title.hidden = !empty.hidden;
      document.getElementById("watch-two")?.classList.toggle("fm-nothing", !empty.hidden);
      if (here() && !chosen() && told.rows.length) window.fm.mark({ run: told.rows[0].id }, true);
    }, 4000);
  }

  function head(at) {
    const card = make("section", "fm-headcard"), line = make("div", "fm-state"), dot = make("i", "fm-dot"), name = make("h2", "", "", { dir: "auto", id: "watch-name" });
    const state = make("span", "fm-state-word", "", { id: "watch-state" }), share = make("span", "fm-state-share"), facts = make("span", "fm-muted fm-state-facts", "", { dir: "auto" });
    const bar = make("progress", "fm-bar", "", { max: "100", "aria-label": word("strip.label") }), about = make("p", "fm-state-about"), times = make("p", "fm-state-times");
    const beat = make("span", "fm-beat"), clock = make("span"), lost = make("span", "fm-lost-note", word("page.lost"), { role: "status" });
    const phases = make("ol", "fm-phases"), result = make("p", "fm-result", "", { id: "watch-result" }), sure = make("p", "fm-muted fm-sure");
    const use = make("p", "fm-muted fm-use"), used = make("span", "", "", { id: "watch-use" });
    use.append(used, make("fm-term", "", "", { key: "mfu" }));
    const room = make("p", "fm-trouble", "", { role: "status" }), silent = window.fm.watch.silent((what) => press(what));
    const fault = make("section", "fm-fault", "", { role: "alert" }), actions = make("div", "fm-actions"), safe = make("p", "fm-muted fm-safe", say("safe"));
    line.append(dot, name, state, share, facts);
    times.append(clock, beat, lost);
    card.append(line, phases, bar, times, about, result, sure, use, safe, room, silent.root, fault, actions);
    const gone = make("p", "fm-empty"), dialog = discardDialog();
    at.append(gone, card, dialog);
    card.hidden = gone.hidden = true;

    const sentence = make("p"), logFold = make("details", "fm-values"), log = make("pre", "fm-log"), copy = make("button", "fm-small", word("page.copy"), { type: "button" });
    logFold.append(make("summary", "", say("log.end")), log);
    copy.onclick = () => window.fm.copy(`${sentence.textContent}\n\n${log.textContent}`, copy);
    fault.append(sentence, logFold, copy);

    const press = (what) => document.getElementById(`watch-${what}-do`).click();
    const doing = {
      stop: () => press("stop"), resume: () => press("resume"), delete: () => press("delete"), discard: () => dialog.showModal(),
      next: () => press("next"), cancel: () => press("cancel"), change: () => { changing = chosen(); press("change"); },
      again: () => window.fm.go("train", { from: chosen() }), try: () => window.fm.go("try", { run: chosen(), with: "" }),
    };
    let changing = ""; // whose form of changes is open
    const buttons = new Map();
    for (const what of ["try", "next", "stop", "cancel", "resume", "change", "again", "discard", "delete"]) {
      const quiet = what === "discard" || what === "delete";
      const button = make("button", `fm-button${quiet ? " fm-button-quiet" : ""}`, say(what), { type: "button", id: `watch-${what}` });
      button.onclick = doing[what];
      buttons.set(what, button);
      actions.append(button);
    }

    function discardDialog() {
      const box = make("dialog", "fm-dialog"), row = make("div", "fm-actions");
      const no = make("button", "fm-button", word("page.cancel"), { type: "button" }), yes = make("button", "fm-button fm-button-bad", say("discard"), { type: "button", id: "watch-discard-yes" });
      no.onclick = () => box.close();
      yes.onclick = () => { box.close(); window.fm.watch.tell(say("discarding")); press("discard"); };
      row.append(no, yes);
      box.append(make("h3", "", say("discard.ask")), make("p", "", say("discard.about")), row);
      return box;
    }

    const now = poller(at, async () => {
      const run = chosen();
      const form = document.getElementById("watch-changes");
      if (form) form.hidden = changing !== run;
      if (!run) { card.hidden = true; return; }
      const told = await ask("run_state", { run });
      if (run !== chosen()) return true;
      gone.hidden = !told.gone;
      card.hidden = Boolean(told.gone);
      if (told.gone) { put(gone, told.gone); return false; }
      card.dataset.tone = dot.dataset.tone = told.tone;
      put(name, told.id); put(state, told.word); put(share, told.share); put(facts, told.facts); put(about, told.about);
      put(clock, told.times.join(" · ")); put(beat, told.beat);
      beat.classList.toggle("fm-slow", told.slow);
      beat.classList.toggle("fm-sep", Boolean(told.times.length && told.beat));
      bar.value = told.percent;
      if (phases.children.length !== told.phases.length) phases.replaceChildren(...told.phases.map(() => make("li")));
      told.phases.forEach(({ word: text, place }, index) => { put(phases.children[index], text); phases.children[index].dataset.place = place; });
      put(result, told.result[0] ?? ""); put(sure, told.result[1] ?? "");
      use.hidden = !told.use; put(used, told.use);
      safe.hidden = !told.safe;
      room.hidden = !told.room; put(room, told.room);
      silent.show(told.id, told.stuck);
      fault.hidden = !told.error;
      if (told.error) { put(sentence, told.error.sentence); put(log, told.error.log); }
      const stopping = told.can.includes("stopping");
      for (const [what, button] of buttons) {
        button.hidden = !told.can.includes(what) && !(what === "stop" && stopping);
        const first = what === told.can[0] && ["try", "resume", "again"].includes(what);
        button.classList.toggle("fm-button-primary", first);
        button.classList.toggle("fm-primary", first);
      }
      buttons.get("stop").disabled = stopping;
      put(buttons.get("stop"), say(stopping ? "stopping" : "stop"));
      return false;
    }, 2000, { within: at.parentElement });
    window.fm.watch.headNow = now;
  }

  function story(at) {
    const samples = make("section", "fm-block"), incidents = make("section", "fm-block"), log = make("details", "fm-block fm-values");
    const which = make("header", "fm-chart-head"), slider = make("input", "", "", { type: "range", min: "0", step: "1", id: "watch-samples", "aria-label": say("samples") });
    const step = make("span", "fm-muted fm-sample-step"), texts = make("div", "fm-samples"), happened = make("ul", "fm-incidents"), lines = make("pre", "fm-log");
    which.append(make("h4", "fm-chart-title", say("samples")), step, slider);
    samples.append(which, texts);
    incidents.append(make("h4", "fm-chart-title", say("incidents")), happened);
    log.append(make("summary", "", say("log")), lines);
    at.append(samples, incidents, log);
    samples.hidden = incidents.hidden = log.hidden = true;
    const S = { run: "", size: -1, samples: [], latest: true };

    function show() {
      const sample = S.samples[Number(slider.value)];
      if (!sample) return;
      put(step, say("samples.at", { step: sample.step.toLocaleString("en-US") }));
      texts.replaceChildren(...sample.texts.map(({ prompt, text }) => {
        const box = make("blockquote", "", "", { dir: "auto" });
        if (prompt && text.startsWith(prompt)) box.append(make("b", "", prompt), document.createTextNode(text.slice(prompt.length)));
        else if (prompt) box.append(make("b", "", prompt + " "), document.createTextNode(text));
        else box.textContent = text;
        return box;
      }));
    }
    slider.oninput = () => { S.latest = slider.value === slider.max; show(); };

    const now = poller(at, async () => {
      const run = chosen();
      log.hidden = !run;
      if (run !== S.run) { Object.assign(S, { run, size: -1, samples: [], latest: true }); samples.hidden = incidents.hidden = true; put(lines, ""); }
      if (!run) return false;
      const told = await ask("run_story", { run, size: S.size, log: log.open });
      if (run !== chosen()) return true;
      if (told.log !== null && told.log !== lines.textContent) {
        const atEnd = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 8;
        lines.textContent = told.log;
        if (atEnd) lines.scrollTop = lines.scrollHeight;
      }
      S.size = told.size;
      if (!told.samples) return false;
      S.samples = told.samples;
      samples.hidden = !told.samples.length;
      slider.max = String(Math.max(0, told.samples.length - 1));
      slider.hidden = told.samples.length < 2;
      if (S.latest) slider.value = slider.max;
      show();
      incidents.hidden = !told.incidents.length;
      happened.replaceChildren(...told.incidents.map(({ time, text }) => { const item = make("li"), at = make("time", "fm-muted", clock(time), { datetime: new Date(time * 1000).toISOString() }); item.append(at, make("span", "", text)); return item; }));
      return false;
    }, 4000, { within: at.parentElement });
    log.addEventListener("toggle", now);
  }

  function note(at, props, watch) {
    const text = make("span", "", "", { role: "status" }), undo = make("button", "fm-small", say("undo"), { type: "button", id: "watch-undo" });
    const close = make("button", "fm-small fm-close", "✕", { type: "button", "aria-label": word("page.close") });
    at.classList.add("fm-note");
    at.append(text, undo, close);
    at.hidden = true;
    let timer = 0;
    undo.onclick = () => { at.hidden = true; document.getElementById("watch-undo-do").click(); };
    close.onclick = () => { at.hidden = true; };
    window.fm.watch.tell = (sentence, canUndo = false) => {
      put(text, sentence);
      undo.hidden = !canUndo;
      at.hidden = false;
      clearTimeout(timer);
      timer = setTimeout(() => { at.hidden = true; }, canUndo ? 60000 : 8000);
    };
    watch("value", () => {
      const told = props.value;
      if (!told?.text) return;
      window.fm.watch.tell(told.text, Boolean(told.undo));
      window.fm.watch.undone = told.undo || "";
      if (told.run) window.fm.mark({ run: told.run });
      else if (told.undo) window.fm.mark({ run: "" }, true);
      refresh();
      window.fm.watch.headNow?.();
      window.fm.watch.lineNow?.();
    });
  }

  window.fm.watch = { list, head, story, note, tell() {}, undone: "" };
})();
