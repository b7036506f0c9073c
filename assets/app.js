/* The page's own script: language, theme, address, keys, polling. Runs before Gradio starts (ui/theme.py, PageHead). */
(() => {
  "use strict";
  const PAGE = window.FM_PAGE;
  const TABS = ["data", "train", "watch", "try", "evaluate", "export"];
  const saved = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const save = (name, value) => { try { localStorage.setItem(name, value); } catch { /* private window: lasts for this page */ } };

  // -- language: a cookie, so that the server speaks the same; Gradio asks navigator.language
  const cookie = (document.cookie.match(/(?:^|; )fm_lang=(\w+)/) || [])[1];
  const lang = cookie || saved("fm_lang") || (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
  // inside the frame of another site (Hugging Face) only such a cookie is kept
  const keep = (value) => { document.cookie = `fm_lang=${value}; path=/; max-age=31536000; ` + (location.protocol === "https:" ? "SameSite=None; Secure; Partitioned" : "SameSite=Lax"); };
  keep(lang);
  const locale = lang === "zh" ? "zh-CN" : "en";
  Object.defineProperty(navigator, "language", { get: () => locale, configurable: true });
  Object.defineProperty(navigator, "languages", { get: () => [locale], configurable: true });
  document.documentElement.lang = locale;

  // -- theme: Gradio asks matchMedia; a person's choice answers in its place
  const chosen = saved("fm_theme");
  const system = window.matchMedia.bind(window);
  const dark = () => (document.body && document.body.classList.contains("dark")) || (!document.body && isDark);
  const isDark = chosen ? chosen === "dark" : system("(prefers-color-scheme: dark)").matches;
  if (chosen) {
    window.matchMedia = (query) => query.includes("prefers-color-scheme: dark")
      ? { matches: chosen === "dark", media: query, addEventListener() {}, removeEventListener() {}, addListener() {}, removeListener() {} } : system(query);
  }
  document.documentElement.classList.toggle("fm-dark", isDark);

  // -- address
  const param = (name) => new URLSearchParams(location.search).get(name) || "";
  const currentTab = () => (TABS.includes(param("tab")) ? param("tab") : TABS[0]);
  const button = (tab) => document.getElementById(`tab-${tab}-button`);
  const tell = () => window.dispatchEvent(new CustomEvent("fm:address"));
  function write(changes, replace) {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(changes)) value ? query.set(name, value) : query.delete(name);
    const address = `${location.pathname}?${query}${location.hash}`;
    if (address === location.pathname + location.search + location.hash) return;
    history[replace ? "replaceState" : "pushState"]({}, "", address);
  }
  function show(tab) {
    const target = button(tab);
    if (target && target.getAttribute("aria-selected") !== "true") { showing = true; target.click(); showing = false; }
    else document.getElementById(`${tab}-refresh`)?.click();
    tell();
  }
  let showing = false; // a click of ours, whose address is written already
  document.addEventListener("click", (event) => {
    const tab = event.target.closest?.("[role=tab][id^=tab-]")?.id.slice(4, -7);
    if (!showing && TABS.includes(tab)) { write({ tab }); tell(); }
  }, true);
  window.addEventListener("popstate", () => show(currentTab()));
  // the tab of the address is the first to be drawn
  const tabs = window.gradio_config?.components?.find((part) => part.props?.elem_id === "fm-tabs");
  if (tabs) tabs.props.selected = currentTab();

  // -- questions that are asked at about the same time travel in one request (ui/news.py)
  let waiting = [], connect;
  const connected = new Promise((done) => { connect = done; });
  function ask(name, data = {}) {
    return new Promise((done, fail) => { if (waiting.push({ name, data, done, fail }) === 1) setTimeout(send, 20); });
  }
  async function send() {
    const server = await connected, asked = waiting.splice(0, 16);
    if (waiting.length) setTimeout(send, 0);
    const answers = async (some) => { const told = await server.news({ asks: some.map(({ name, data }) => [name, data]) }); some.forEach((one, index) => one.done(told[index])); };
    try { await answers(asked); }
    catch (problem) { // one of them may be at fault: the others are not to suffer for it
      for (const one of asked) asked.length === 1 ? one.fail(problem) : answers([one]).catch(one.fail);
    }
  }

  // -- asking the server again and again: only while seen, ever slower while it does not answer
  const BEAT = Math.random() * 2000; // all parts of a page ask at the same moments, other pages at others
  function poller(element, ask, every, { within = element, always = false } = {}) {
    let fails = 0, busy = false, again = false, timer = 0;
    // asks once; returns how many milliseconds to wait: none if the answer (true) or someone meanwhile wants another
    async function once() {
      if (busy) { again = true; return every; }
      if (document.visibilityState !== "visible" || (!always && within.offsetParent === null)) return every;
      busy = true;
      again = false;
      try { if ((await ask()) === true) again = true; fails = 0; }
      catch (problem) { fails += 1; again = false; console.warn("fm_gui", String(problem)); }
      busy = false;
      document.documentElement.classList.toggle("fm-lost", fails > 0);
      return again ? 0 : Math.min(15000, every * 2 ** fails);
    }
    function next(wait) {
      clearTimeout(timer);
      if (wait) wait += wait / 4 - ((Date.now() + BEAT + wait / 4) % wait); // to the next beat that is not almost now
      timer = setTimeout(async () => { if (element.isConnected) next(await once()); }, wait);
    }
    const now = () => next(0);
    window.addEventListener("fm:address", now);
    document.addEventListener("visibilitychange", now);
    next(0);
    return now;
  }

  // -- words and small DOM helpers; text goes in as textContent only
  const word = (key, values = {}) => (PAGE.words[lang][key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  function make(tag, className = "", text = "", attributes = {}) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== "") made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }
  const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  async function copy(text, from) {
    await navigator.clipboard.writeText(text);
    const before = from.textContent;
    from.textContent = word("page.copied");
    setTimeout(() => { from.textContent = before; }, 1500);
  }

  // -- Gradio's own names of its buttons, which it has in English only; one with a blank at its end goes on with a label
  if (lang !== "en") {
    const THEIRS = {
      "Click to upload or drop files": "upload", "File upload": "file", "Upload file": "upload-file", "Uploaded files": "uploaded", "Uploading": "uploading",
      "Remove this file": "remove-this", "Remove file": "remove-file", "Copy table data": "copy-table", "Copied to clipboard": "copied", "Copy": "copy",
      "Fullscreen": "fullscreen", "Reset to default value": "reset", "number input for ": "number", "range slider for ": "slider", "Download": "download",
      "Clear": "clear", "Close": "close", "Submit": "submit", "Stop": "stop", "More tabs": "more-tabs", "Empty value": "empty",
      "Loading response": "loading", "Table actions": "actions", "Static column": "column", "Open cell menu": "cell", "Gradio footer navigation": "footer",
    };
    const rename = (at) => {
      for (const name of ["aria-label", "title"]) {
        const text = at.getAttribute(name), found = text && Object.keys(THEIRS).find((theirs) => (theirs.endsWith(" ") ? text.startsWith(theirs) : text === theirs));
        if (found) at.setAttribute(name, word(`page.aria.${THEIRS[found]}`, { label: text.slice(found.length) }));
      }
    };
    new MutationObserver((changes) => {
      for (const { target, type, addedNodes } of changes) {
        if (type === "attributes") rename(target);
        else for (const node of addedNodes) if (node.nodeType === 1) { rename(node); node.querySelectorAll("[aria-label], [title]").forEach(rename); }
      }
    }).observe(document.documentElement, { subtree: true, childList: true, attributes: true, attributeFilter: ["aria-label", "title"] });
  }

  let plotting = null;
  const plotly = () => (plotting ??= new Promise((done, fail) => {
    const script = make("script", "", "", { src: new URL(PAGE.plotly, document.baseURI).href });
    script.onload = () => done(window.Plotly);
    script.onerror = () => { plotting = null; fail(new Error("plotly")); };
    document.head.append(script);
  }));

  window.fm = {
    param, ask, news: connect, poller, word, make, put, copy, plotly, dark,
    lang: () => lang,
    setLang(value) { save("fm_lang", value); keep(value); location.reload(); },
    setTheme(value) {
      save("fm_theme", value);
      document.body.classList.toggle("dark", value === "dark");
      document.documentElement.classList.toggle("fm-dark", value === "dark");
      window.dispatchEvent(new CustomEvent("fm:theme"));
    },
    /* What the address asks of `tab`: nothing while another tab is shown, whose business it is. */
    asked: (tab, name) => (currentTab() === tab ? param(name) : ""),
    /* Shows `tab` with `params` in the address; an empty value takes a name out of it. */
    go(tab, params = {}) { write({ tab, ...params }); show(tab); },
    /* Changes the address without leaving the tab: what is shown now, or (replace) what was meant all along. */
    mark(params, replace = false) { write(params, replace); tell(); },
    tab: currentTab,
    /* Moves the slider in #id, as a hand would; nothing for no value. */
    slide(id, value) {
      const slider = document.querySelector(`#${id} input[type=range]`);
      if (value === undefined || slider.value === value) return;
      slider.value = value;
      for (const name of ["input", "change", "pointerup"]) slider.dispatchEvent(new Event(name, { bubbles: true }));
    },
  };

  // -- keys
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      const found = [...document.querySelectorAll(".fm-primary")].map((at) => (at.tagName === "BUTTON" ? at : at.querySelector("button")))
        .find((at) => at && at.offsetParent !== null && !at.disabled);
      if (found) { event.preventDefault(); found.click(); }
    }
    if (event.key === "Escape") document.querySelectorAll("details.fm-fold-out[open]").forEach((at) => { at.open = false; at.querySelector("summary").focus(); });
  });
  document.addEventListener("click", (event) => {
    document.querySelectorAll("details.fm-fold-out[open]").forEach((at) => { if (!at.contains(event.target)) at.open = false; });
  });

  // -- <fm-term key="loss">: a ? that explains a word in two sentences
  customElements.define("fm-term", class extends HTMLElement {
    connectedCallback() {
      if (this.firstChild) return;
      const text = word("term." + this.getAttribute("key"));
      const mark = make("button", "fm-term-mark", "?", { type: "button", "aria-label": word("page.more") });
      const note = make("div", "fm-term-note", text, { popover: "auto", role: "note" });
      mark.popoverTargetElement = note;
      note.addEventListener("toggle", (event) => {
        if (event.newState !== "open") return;
        const at = mark.getBoundingClientRect();
        note.style.left = `${Math.max(8, Math.min(at.left - 12, innerWidth - note.offsetWidth - 8))}px`;
        note.style.top = `${at.bottom + 6 + note.offsetHeight > innerHeight ? Math.max(8, at.top - note.offsetHeight - 6) : at.bottom + 6}px`;
      });
      this.append(mark, note);
    }
  });

  // -- what a label that stands alone cannot say by itself
  document.addEventListener("DOMContentLoaded", () => { document.title = word("page.title"); });
})();
