// A tile whose refresh fails stays as it is and says so, until one succeeds.
(() => {
  const NOTE = "stale";
  const note = (tile) => tile.querySelector(`:scope > .${NOTE}`);

  function failed({ detail }) {
    const tile = detail.target;
    if (!tile?.matches("[hx-trigger^=every]") || note(tile)) return;
    const words = document.createElement("p");
    words.className = NOTE;
    words.setAttribute("role", "status");
    const time = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    words.textContent = `No answer since ${time}. These are the last figures; trying again.`;
    tile.prepend(words);
  }

  for (const event of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) document.addEventListener(event, failed);
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.successful) note(detail.target)?.remove();
  });
})();
