/* Data > Label (ui/data_label.py): keys and clicks become answers; a key counts only for the text that is shown. */
(() => {
  "use strict";
  const at = (id) => document.getElementById(id);
  const seen = (element) => Boolean(element && element.offsetParent !== null);
  const card = () => document.querySelector("#label-row .label-card");
  const label = { picked: "", refill, leave };
  let answered = {}; // what was answered last: no second answer to it while the next text is on its way

  function ready() {
    const now = card();
    const same = now === answered.card && now?.dataset.at === answered.at;
    if (!seen(now) || (same && Date.now() - answered.when < 3000)) return false;
    answered = { card: now, at: now.dataset.at, when: Date.now() };
    return true;
  }
  function press(id) {
    const button = at(id);
    if (seen(button) && !button.disabled && ready()) button.click();
  }
  function pick(choice) {
    if (!choice || !ready()) return;
    label.picked = choice.dataset.label;
    at("label-give").click();
  }
  function refill() { if (document.querySelector("#label-row [data-refill]")) at("label-refill").click(); }
  // so that the keys act again after a label was typed or an order chosen
  function leave() { if (document.activeElement?.closest("#label-typed, #label-order, #label-only")) document.activeElement.blur(); }

  const CHOSEN = new Set(["checkbox", "radio", "range", "button", "submit"]); // inputs that take no text
  const types = (target) => target.isContentEditable || ["TEXTAREA", "SELECT"].includes(target.tagName) || (target.tagName === "INPUT" && !CHOSEN.has(target.type));
  document.addEventListener("keydown", (event) => {
    if (!seen(at("label-main"))) return;
    if (event.key === "Escape") return leave();
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || types(event.target)) return;
    const arrow = event.target.tagName === "INPUT" ? "" : event.key; // in a list of choices arrows mean another choice
    const key = event.key.toLowerCase();
    if (/^[1-9]$/.test(key)) pick(document.querySelectorAll("#label-choices .label-choice kbd")[Number(key) - 1]?.parentElement);
    else if (key === "s" || arrow === "ArrowRight") press("label-skip");
    else if (key === "z" || arrow === "ArrowLeft") press("label-undo");
    else return;
    event.preventDefault();
  });
  document.addEventListener("click", (event) => { if (event.target.closest) pick(event.target.closest(".label-choice")); });

  window.fm.label = label;
})();
