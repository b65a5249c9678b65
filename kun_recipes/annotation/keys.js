// Keyboard shortcuts, and a guard against a press that was meant for the item before.
(() => {
  const SETTLE = 250; // ms for which a new item takes no vote: nobody reads so fast, but a double click comes so fast
  const CLICKS = { a: "left", arrowleft: "left", b: "right", arrowright: "right", t: "tie", x: "both_bad",
    enter: "submit", z: "undo", backspace: "undo" };
  const TOGGLES = { 1: "clarity", 2: "feasibility", 3: "practicality" };
  const GRADES = { q: 0, w: 1, e: 2 };
  const radios = (id) => document.querySelectorAll(`#${id} input`);
  const settled = () => document.body.dataset.ready !== undefined;

  function target(key) {
    if (key in TOGGLES) {
      const [yes, no] = radios(TOGGLES[key]);
      return yes?.checked ? no : yes;
    }
    return key in GRADES ? radios("grade")[GRADES[key]] : document.getElementById(CLICKS[key]);
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const found = target(event.key.toLowerCase());
    if (!found?.offsetParent) return; // not there, or not shown
    event.preventDefault();
    if (!event.repeat) found.click(); // a key held down is one press
  });

  document.addEventListener("click", (event) => {
    const votes = event.target.closest?.("#actions button");
    if (votes && (!settled() || event.detail > 1)) {
      event.stopImmediatePropagation();
      event.preventDefault();
    }
  }, true);

  let shown;
  function look() {
    const item = document.querySelector("[data-turn]");
    const header = document.querySelector("#header header");
    if (header) document.documentElement.lang = header.lang; // by which the browser picks Chinese glyphs
    if (!item || item.dataset.turn === shown) return;
    shown = item.dataset.turn;
    delete document.body.dataset.ready;
    window.scrollTo(0, 0);
    const turn = shown;
    setTimeout(() => { if (turn === shown) document.body.dataset.ready = turn; }, SETTLE);
  }
  new MutationObserver(look).observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-turn"] });
})();
