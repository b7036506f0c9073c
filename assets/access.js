/* Signing in and out (Gradio's own form passes over some answers in silence), and the line above a demo's page. */
(() => {
  "use strict";
  const { make, word, lang } = window.fm;
  const PAGE = window.FM_PAGE;

  // -- a login that is refused for a while: Gradio's form shows only wrong passwords
  const ask = window.fetch.bind(window);
  function refused(sentence) {
    const form = document.querySelector("input[type=password]")?.closest(".form");
    if (!form) return;
    const told = document.querySelector(".fm-refused") || make("p", "fm-refused", "", { role: "alert" });
    told.textContent = sentence;
    form.before(told);
  }
  window.fetch = async (...what) => {
    const answer = await ask(...what);
    // signed out elsewhere, removed, or the server was started again: the page comes back as the form
    if (answer.status === 401 && window.gradio_config?.username) location.reload();
    if (new URL(answer.url || location.href).pathname.endsWith("/login")) {
      document.querySelector(".fm-refused")?.remove();
      if (answer.status === 400) refused(word("page.login.wrong"));
      else if (answer.status === 429) refused((await answer.clone().json()).detail);
      else if (answer.status === 503) refused((await answer.clone().json()).detail);
      else if (answer.status === 403) refused(await answer.clone().text());
    }
    return answer;
  };
  // Gradio's two fields say nothing of themselves to a password manager, and its page has no name of its own
  const name = () => {
    const fields = document.querySelectorAll(".form input, .form textarea");
    const secret = document.querySelector("input[type=password]");
    if (!secret) return false;
    secret.setAttribute("autocomplete", "current-password");
    fields[0]?.setAttribute("autocomplete", "username");
    const title = secret.closest(".panel")?.querySelector("h2");
    if (title && !title.querySelector("svg")) title.insertAdjacentHTML("afterbegin", PAGE.logo);
    return true;
  };
  if (window.gradio_config?.auth_required) {
    document.title = "fm_gui";
    document.documentElement.classList.add("fm-login");
    const watch = new MutationObserver(() => { if (name()) watch.disconnect(); });
    watch.observe(document.documentElement, { childList: true, subtree: true });
  }

  // what strip.js puts at the end of the header's tools
  window.fm.signOut = () => {
    const user = window.gradio_config?.username;
    if (!user) return [];
    const words = word("page.signout", { name: user });
    const link = make("a", "fm-tool", "", { id: "fm-signout", href: "logout", title: words, "aria-label": words });
    link.innerHTML = '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M6 2.5H3.5v11H6M7 8h6.5M11 5.2 13.8 8 11 10.8"/></svg>';
    return [link];
  };

  // -- a demo says what it is, how to have it whole, and why it cannot work without its cookie
  if (!PAGE.demo) return;
  document.documentElement.classList.add("fm-is-demo");
  function strip() {
    const line = make("div", "fm-demo");
    const how = make("details");
    const commands = make("pre", "", PAGE.demo.commands.join("\n"));
    how.append(make("summary", "", word("demo.local")), commands);
    line.append(make("span", "", PAGE.demo.sentence[lang()]), how);
    document.body.prepend(line);
    ask(new URL("gradio_api/queue/status", document.baseURI)).then(async (answer) => {
      if (answer.ok) return;
      line.classList.add("fm-demo-closed");
      const tab = make("a", "", word("demo.tab"), { href: location.href, target: "_blank", rel: "noopener" });
      line.replaceChildren(make("b", "", await answer.text(), { role: "alert" }), ...(answer.status === 403 ? [tab] : []));
    });
  }
  document.body ? strip() : document.addEventListener("DOMContentLoaded", strip);
})();
