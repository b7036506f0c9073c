/* The bin: a line at the foot of every tab, and the dialog it opens (ui/bin.py gives the words). */
(() => {
  "use strict";
  const { make, word, put, poller } = window.fm;
  const say = (key) => word(`page.bin.${key}`);

  window.fm.bin = (at, props, watch) => {
    const open = make("button", "fm-foot-bin", "", { type: "button", id: "fm-bin-open" });
    const dialog = make("dialog", "fm-dialog fm-bin", "", { "aria-label": say("title") }), head = make("header", "fm-bin-head"), close = make("button", "fm-small fm-close", "✕", { type: "button", "aria-label": word("page.close") });
    const total = make("p", "fm-muted"), rows = make("ul", "fm-bin-rows"), none = make("p", "", say("none")), said = make("p", "fm-bin-said", "", { role: "status" });
    const acts = make("div", "fm-actions"), empty = make("button", "fm-button fm-button-bad", say("empty"), { type: "button", id: "fm-bin-empty" });
    const sure = make("div", "fm-trouble"), yes = make("button", "fm-button fm-button-bad", say("empty.yes"), { type: "button", id: "fm-bin-empty-yes" }), no = make("button", "fm-button", say("empty.no"), { type: "button" });
    const both = make("div", "fm-actions");
    both.append(no, yes);
    sure.append(make("p", "", say("empty.ask")), both);
    head.append(make("h3", "", say("title")), total, close);
    acts.append(empty);
    dialog.append(head, said, none, rows, sure, acts);
    at.append(open, dialog);
    at.hidden = sure.hidden = true;

    const press = (what, which = "") => { window.fm.bin.which = which; document.getElementById(`fm-bin-${what}-do`).click(); };
    const now = poller(at, async () => {
      const told = await window.fm.ask("in_the_bin", { whole: dialog.open });
      at.hidden = !told.count && !dialog.open;
      put(open, told.label);
      if (!told.rows) return dialog.open; // it was opened meanwhile
      put(total, told.count ? told.total : "");
      none.hidden = told.count > 0;
      acts.hidden = !told.count || !sure.hidden;
      const shown = told.rows.map(({ id }) => id).join("\n");
      if (rows.dataset.shown !== shown) {
        rows.dataset.shown = shown;
        rows.replaceChildren(...told.rows.map(({ id, name, kind, about }) => {
          const item = make("li"), text = make("span", "fm-bin-name"), back = make("button", "fm-small", say("restore"), { type: "button", "aria-label": `${say("restore")}: ${name}` });
          text.append(make("b", "", name, { dir: "auto" }), make("small", "fm-muted", `${kind} · ${about}`));
          back.onclick = () => { back.disabled = true; press("restore", id); };
          item.append(text, back);
          return item;
        }));
      }
      return false;
    }, 6000, { always: true });

    open.onclick = () => { put(said, ""); sure.hidden = true; dialog.showModal(); now(); };
    close.onclick = () => dialog.close();
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    empty.onclick = () => { sure.hidden = false; acts.hidden = true; no.focus(); };
    no.onclick = () => { sure.hidden = true; acts.hidden = false; };
    yes.onclick = () => { sure.hidden = true; press("empty"); };
    watch("value", () => {
      if (!props.value?.text) return;
      put(said, props.value.text);
      now();
      document.getElementById(`${window.fm.tab()}-refresh`)?.click(); // what came back is shown at once
    });
  };
})();
