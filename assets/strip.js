/* Header tools and the strip above the tabs (ui/strip.py gives the words). */
(() => {
  "use strict";
  const { make, word, put } = window.fm;

  window.fm.header = (at, server) => {
    const machine = make("details", "fm-fold-out fm-machine");
    const summary = make("summary", "", "", { "aria-label": word("page.machine") });
    const line = make("span", "fm-machine-line", word("page.machine.wait"));
    const flag = make("span", "fm-machine-flag", "?", { title: word("page.machine"), "aria-hidden": "true" });
    const list = make("ul", "fm-checks fm-panel");
    summary.append(line, flag);
    machine.append(summary, list);
    const other = window.fm.lang() === "zh" ? "en" : "zh";
    const language = make("button", "fm-tool", "文/A", { type: "button", id: "fm-lang", title: word("page.language.help"), "aria-label": word("page.language.help") });
    language.onclick = () => window.fm.setLang(other);
    const theme = make("button", "fm-tool", "", { type: "button", id: "fm-theme", title: word("page.theme"), "aria-label": word("page.theme") });
    const sign = () => put(theme, window.fm.dark() ? "☀" : "☾");
    theme.onclick = () => { window.fm.setTheme(window.fm.dark() ? "light" : "dark"); sign(); };
    sign();
    at.replaceChildren(machine, language, theme, ...window.fm.signOut());

    async function look() {
      try {
        const told = await server.this_machine({});
        put(line, told.summary);
        machine.classList.toggle("fm-why", told.why);
        if (told.why) summary.setAttribute("title", word("page.machine.why"));
        list.replaceChildren(...told.checks.map((check) => {
          const item = make("li", `fm-${check.state}`);
          item.append(make("span", "fm-mark", { good: "✓", attention: "!", failed: "✕" }[check.state], { "aria-hidden": "true" }), make("span", "", check.text));
          return item;
        }));
      } catch { setTimeout(look, 3000); }
    }
    look();
  };

  window.fm.strip = (at) => {
    at.setAttribute("aria-label", word("strip.label"));
    const rows = new Map();
    const more = make("span", "fm-strip-more fm-muted");
    const fallen = make("div", "fm-strip-fallen"), fallenText = make("span"), look = make("button", "fm-small", word("strip.watch"), { type: "button" });
    look.onclick = () => window.fm.go("watch");
    fallen.append(fallenText, look);
    function row(id) {
      const parts = { root: make("div", "fm-strip-row"), dot: make("i", "fm-dot"), name: make("b", "fm-strip-name"), word: make("span", "fm-strip-word"),
        bar: make("progress", "fm-bar", "", { max: "100", "aria-label": id }), loss: make("span", "fm-strip-loss"), left: make("span", "fm-strip-left"),
        safe: make("span", "fm-strip-safe fm-muted", word("strip.safe")), watch: make("button", "fm-small", word("strip.watch"), { type: "button" }) };
      put(parts.name, id);
      parts.watch.onclick = () => window.fm.go("watch", { run: id });
      parts.root.append(parts.dot, parts.name, parts.word, parts.bar, parts.loss, parts.left, parts.safe, parts.watch);
      return parts;
    }
    window.fm.poller(at, async () => {
      const told = await window.fm.ask("running_now");
      fallen.hidden = !told.fallen || window.fm.tab() === "watch"; // there it stands beside the button that helps
      at.hidden = told.lines.length === 0 && fallen.hidden;
      put(fallenText, told.fallen);
      for (const [id, parts] of rows) if (!told.lines.some((line) => line.id === id)) { parts.root.remove(); rows.delete(id); }
      for (const line of told.lines) {
        if (!rows.has(line.id)) rows.set(line.id, row(line.id));
        const parts = rows.get(line.id);
        parts.dot.dataset.tone = line.tone;
        put(parts.word, [line.word, line.share].filter(Boolean).join(" "));
        parts.bar.value = line.percent;
        put(parts.loss, line.loss);
        put(parts.left, line.left);
        parts.safe.hidden = !line.safe;
      }
      const wanted = [...told.lines.map((line) => rows.get(line.id).root), more, fallen];
      if (wanted.some((element, index) => at.children[index] !== element)) at.replaceChildren(...wanted);
      put(more, told.more);
    }, 2000, { always: true });
  };
})();
