// What opens over the page (the question before a change, the rest of the menu) closes by Escape, and by a click elsewhere.
(() => {
  const BOXES = "details:is(.confirm, .nav-more)[open]";

  document.addEventListener("keydown", ({ key }) => {
    const box = key === "Escape" && document.querySelector(BOXES);
    if (!box) return;
    if (box.contains(document.activeElement)) box.querySelector("summary").focus();
    box.open = false;
  });
  document.addEventListener("click", ({ target }) => {
    for (const box of document.querySelectorAll(BOXES)) if (!box.contains(target)) box.open = false;
  });
})();
