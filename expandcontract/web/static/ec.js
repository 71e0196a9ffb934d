// One stream replaces one region. Without this script every page is complete, and shows what was true when it was asked for.
"use strict";

function copies(root) {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    });
  }
}

// What has no id of its own is found again by its place among its like.
function place(region, element) {
  if (!region.contains(element) || element === region) return null;
  const alike = `${element.tagName.toLowerCase()}`;
  return { alike, number: [...region.querySelectorAll(alike)].indexOf(element) };
}

function replaced(region, html) {
  const focused = place(region, document.activeElement);
  const open = [...region.querySelectorAll("details")].map((each) => each.open);
  region.innerHTML = html;
  region.querySelectorAll("details").forEach((each, number) => { each.open = open[number] ?? each.open; });
  copies(region);
  if (focused) region.querySelectorAll(focused.alike)[focused.number]?.focus({ preventScroll: true });
}

copies(document);
const region = document.querySelector("[data-live]");
if (region && "EventSource" in window) {
  const lost = document.querySelector("[data-lost]");
  const source = new EventSource(region.dataset.live);
  source.addEventListener("open", () => { lost.hidden = true; });
  source.addEventListener("error", () => {
    lost.hidden = false;
    // A server that answered no is not asked again by the browser; it may be another one tomorrow.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 10000);
  });
  source.addEventListener("region", (event) => { lost.hidden = true; replaced(region, event.data); });
  addEventListener("pagehide", () => source.close());
}
