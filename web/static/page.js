// Makes the page quicker; it reads without. Nothing here touches what spans say but to copy it.
"use strict";

// Times in the viewer's zone, UTC on hover.
const today = new Date().toDateString();
for (const each of document.querySelectorAll("time[datetime]")) {
  const at = new Date(each.dateTime);
  if (isNaN(at)) continue;
  const two = (number) => String(number).padStart(2, "0");
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  each.textContent = at.toDateString() === today ? clock : `${day} ${clock}`;
}

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1500);
  });
}

// An id in the search field is a trace.
const search = document.querySelector(".find input");
search.form.addEventListener("submit", (event) => {
  const id = search.value.trim().toLowerCase();
  if (/^[0-9a-f]{16,32}$/.test(id)) {
    event.preventDefault();
    location.href = `/traces/${id}`;
  }
});

// What takes longer than a blink shows that it works.
let waiting = 0;
addEventListener("beforeunload", () => { waiting = setTimeout(() => document.body.classList.add("busy"), 300); });
addEventListener("pageshow", () => { clearTimeout(waiting); document.body.classList.remove("busy"); });

// Where an address names no step, the failing one.
const focus = document.querySelector(".line.focus");
if (focus) {
  const target = document.getElementById(focus.querySelector("a").hash.slice(1));
  if (!location.hash && target && target.classList.contains("failing")) target.scrollIntoView();
  const tree = document.querySelector(".tree");
  tree.scrollTop = focus.offsetTop - tree.offsetTop - tree.clientHeight / 3;
}

const rows = [...document.querySelectorAll("tr.go")];
const steps = [...document.querySelectorAll(".step")];
let at = -1;

function move(by) {
  if (rows.length) {
    at = Math.max(0, Math.min(rows.length - 1, at + by));
    for (const row of rows) row.classList.toggle("at", row === rows[at]);
    rows[at].querySelector("a").focus();
    rows[at].scrollIntoView({ block: "nearest" });
  } else if (steps.length) {
    const edge = 20;
    const next = by > 0
      ? steps.find((step) => step.getBoundingClientRect().top > edge)
      : steps.findLast((step) => step.getBoundingClientRect().top < -edge);
    if (next) { next.focus({ preventScroll: true }); next.scrollIntoView(); }
  }
}

function toFailing() {
  const failing = steps.filter((step) => step.classList.contains("failing"));
  if (!failing.length) return;
  const now = failing.indexOf(document.activeElement);
  const next = failing[(now + 1) % failing.length];
  next.focus({ preventScroll: true });
  next.scrollIntoView();
}

const help = document.getElementById("help");
const keys = document.getElementById("keys");
keys.hidden = false;
keys.addEventListener("click", () => help.showModal());

const press = (name) => document.querySelector(`[data-key="${name}"]`)?.click();

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const acts = {
    "/": () => search.focus(),
    "?": () => help.showModal(),
    j: () => move(1),
    k: () => move(-1),
    f: toFailing,
    y: () => press("y"),
    n: () => press("n"),
    u: () => press("u"),
  };
  if (event.key === " " && document.querySelector('[data-key="space"]')
      && !event.target.closest("a, button, summary")) {
    event.preventDefault();
    press("space");
  } else if (acts[event.key]) {
    event.preventDefault();
    acts[event.key]();
  }
});
