// The page without this shows every list whole; with it files are filtered, unfolded and walked by keys.
const list = document.getElementById("list");
const files = list ? [...list.querySelectorAll("details.file")] : [];
const ready = new Map(); // the box of an opened file -> what builds it
const typed = document.getElementById("q");
const choices = ["risk", "verdict", "unit"].map((name) => [name, document.getElementById(`by-${name}`)]);
const order = document.getElementById("order");
const words = new Map();

function open(file) {
  const box = file.querySelector(".diff");
  if (!box) return Promise.resolve(null);
  if (!ready.has(box)) {
    const packed = file.querySelector(".packed").textContent;
    ready.set(
      box,
      unfold(box, packed, file.id).catch((error) => {
        box.replaceChildren(make("p", "soft", `This browser cannot unpack the changed lines: ${error.message}`));
        return null;
      }),
    );
  }
  return ready.get(box);
}

for (const file of files) file.addEventListener("toggle", () => file.open && open(file));

// Filter

function narrow() {
  const wanted = typed.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const file of files) {
    if (wanted.length && !words.has(file)) words.set(file, [...file.children].map((part) => textOf(part)).join(" ").toLocaleLowerCase());
    const fits =
      choices.every(([name, choice]) => !choice.value || file.dataset[name] === choice.value) &&
      wanted.every((word) => words.get(file).includes(word));
    file.hidden = !fits;
    count += fits;
  }
  document.getElementById("shown").textContent = `${count} of ${files.length} files`;
  document.getElementById("nothing").hidden = count > 0;
}

// What can be read of a file's row, without its packed diff.
function textOf(part) {
  const copy = part.cloneNode(true);
  copy.querySelectorAll(".packed, .diff").forEach((node) => node.remove());
  return copy.textContent;
}

function sort() {
  const sorted = [...files];
  if (order.value === "path") sorted.sort((a, b) => pathOf(a).localeCompare(pathOf(b)));
  if (order.value === "size") sorted.sort((a, b) => b.dataset.size - a.dataset.size);
  list.append(...sorted);
}

const pathOf = (file) => file.querySelector(".path").textContent;

function keep() {
  const asked = new URLSearchParams();
  if (typed.value) asked.set("q", typed.value);
  for (const [name, choice] of [...choices, ["order", order]]) if (choice.value) asked.set(name, choice.value);
  const text = asked.toString();
  history.replaceState(null, "", text ? `#files?${text}` : "#files");
}

function changed() {
  narrow();
  keep();
}

function clear() {
  typed.value = "";
  for (const [, choice] of choices) choice.value = "";
  changed();
}

// Links into the page: a section, a file, a line of a file, or a filter

async function go(hash) {
  const [, anchor, line] = /^#(f-[0-9a-f]+)(?:-L(\d+))?$/.exec(hash) || [];
  if (anchor) {
    const file = document.getElementById(anchor);
    if (!file) return;
    if (file.hidden) clear();
    file.open = true;
    const build = await open(file);
    const cell = line && build ? build(Number(line)) : null;
    document.querySelectorAll("tr.target").forEach((row) => row.classList.remove("target"));
    if (cell && cell.id.endsWith(`-L${line}`)) cell.parentElement.classList.add("target");
    (cell || file).scrollIntoView({ block: cell ? "center" : "start" });
    file.querySelector("summary").focus({ preventScroll: true });
  } else if (hash.startsWith("#files?") && typed) {
    const asked = new URLSearchParams(hash.slice("#files?".length));
    typed.value = asked.get("q") || "";
    for (const [name, choice] of choices) choice.value = asked.get(name) || "";
    order.value = asked.get("order") || "";
    sort();
    narrow();
    document.getElementById("files").scrollIntoView();
  } else if (hash.length > 1) {
    let inside = document.getElementById(decodeURIComponent(hash.slice(1)));
    if (inside && inside.tagName === "DETAILS") inside.open = true;
    for (let above = inside; above; above = above.parentElement) if (above.tagName === "DETAILS" && above !== inside) above.open = true;
    if (inside) inside.scrollIntoView();
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  if (!link) return;
  event.preventDefault();
  const hash = link.getAttribute("href") + (link.dataset.line ? `-L${link.dataset.line}` : "");
  history.pushState(null, "", hash);
  go(hash);
});
addEventListener("popstate", () => go(location.hash));

// Theme

const themes = ["auto", "light", "dark"];
const button = document.getElementById("theme");

function theme(name) {
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  button.textContent = `Theme: ${name}`;
  try {
    localStorage.setItem("merge-tool-theme", name);
  } catch {
    // A page from disk may have no storage; then the choice lasts as long as the page.
  }
}

function remembered() {
  try {
    return localStorage.getItem("merge-tool-theme");
  } catch {
    return null;
  }
}

const turn = () => theme(themes[(themes.indexOf(document.documentElement.dataset.theme || "auto") + 1) % themes.length]);

// Keys

const help = document.getElementById("help");

function walk(step) {
  const seen = [...list.querySelectorAll("details.file")].filter((file) => !file.hidden);
  if (!seen.length) return;
  const here = document.activeElement.closest("details.file");
  const at = here ? seen.indexOf(here) + step : 0;
  const summary = seen[Math.max(0, Math.min(at, seen.length - 1))].querySelector("summary");
  summary.focus({ preventScroll: true });
  summary.scrollIntoView({ block: "nearest" });
}

const keys = {
  j: () => list && walk(1),
  k: () => list && walk(-1),
  o: () => document.activeElement.closest("details.file")?.querySelector("summary").click(),
  "/": () => typed && (typed.focus(), typed.select()),
  g: () => scrollTo(0, 0),
  t: turn,
  "?": () => (help.open ? help.close() : help.showModal()),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const writing = event.target.matches("input, select, textarea");
  if (event.key === "Escape" && event.target === typed) {
    clear();
    typed.blur();
    return;
  }
  if (writing || (help.open && event.key !== "?") || !Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  keys[event.key]();
});

// Set up

document.querySelector(".tools").hidden = false;
button.addEventListener("click", turn);
document.getElementById("keys").addEventListener("click", () => help.showModal());
document.getElementById("close").addEventListener("click", () => help.close());
theme(themes.includes(remembered()) ? remembered() : "auto");
if (list) {
  document.getElementById("filter").hidden = false;
  document.getElementById("clear").addEventListener("click", clear);
  typed.addEventListener("input", changed);
  for (const [, choice] of choices) choice.addEventListener("change", changed);
  order.addEventListener("change", () => {
    sort();
    keep();
  });
  narrow();
}
go(location.hash);
