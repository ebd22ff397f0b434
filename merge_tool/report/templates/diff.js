"use strict";
// Unpacks the diff of a file when its row is opened, and builds it piece by piece as the reader scrolls.
const PIECE = 300; // rows of a table that are built at once
const NAMES = { k: "hk", s: "hs", c: "hc", n: "hn", f: "hf", t: "ht", a: "ha", b: "hb" };

function make(tag, name, text) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text !== undefined) node.textContent = text;
  return node;
}

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

// The part in which two lines differ, as [start, end of one, end of the other]; null where nearly all of it does.
function difference(one, other) {
  let start = 0;
  const least = Math.min(one.length, other.length);
  while (start < least && one[start] === other[start]) start++;
  let end = 0;
  while (end < least - start && one[one.length - 1 - end] === other[other.length - 1 - end]) end++;
  return (start + end) * 3 < Math.max(one.length, other.length) ? null : [start, one.length - end, other.length - end];
}

// A line of code in its colours; from `mark[0]` to `mark[1]` it is marked as changed.
function code(cell, text, runs, mark) {
  const cuts = [];
  let at = 0;
  for (const [, letter, count] of runs.matchAll(/([a-z-])(\d+)/g)) {
    cuts.push([at, at + Number(count), NAMES[letter] || ""]);
    at += Number(count);
  }
  if (at < text.length) cuts.push([at, text.length, ""]);
  for (const [from, to, name] of cuts) {
    const stops = [from, ...(mark ? mark.filter((stop) => stop > from && stop < to) : []), to];
    for (let n = 0; n + 1 < stops.length; n++) {
      const piece = text.slice(stops[n], stops[n + 1]);
      const marked = mark && stops[n] >= mark[0] && stops[n] < mark[1];
      if (!name && !marked) cell.append(piece);
      else cell.append(make(marked ? "mark" : "span", name, piece));
    }
  }
}

// The rows of all hunks: [old number, text, runs, new number, text, runs], a missing side without a number; a gap is a string.
function paired(hunks) {
  const rows = [];
  for (const [old, fresh, kinds, texts, runs] of hunks) {
    let one = old, other = fresh, gone = [], came = [];
    const flush = () => {
      for (let n = 0; n < Math.max(gone.length, came.length); n++) rows.push([...(gone[n] || [0, "", ""]), ...(came[n] || [0, "", ""])]);
      gone = [];
      came = [];
    };
    if (one > 1 || other > 1) rows.push(`line ${fresh}`);
    texts.forEach((text, n) => {
      if (kinds[n] === "-") {
        if (came.length) flush();
        gone.push([one++, text, runs[n]]);
      } else if (kinds[n] === "+") came.push([other++, text, runs[n]]);
      else {
        flush();
        rows.push([one++, text, runs[n], other++, text, runs[n]]);
      }
    });
    flush();
  }
  return rows;
}

function side(row, number, text, runs, kind, mark, id) {
  const label = make("td", "num", number || "");
  const cell = make("td", kind);
  if (number && id) label.id = id;
  if (number) code(cell, text, runs, mark);
  row.append(label, cell);
}

function built(row, shape, anchor) {
  const line = make("tr");
  if (typeof row === "string") {
    line.className = "gap";
    const cell = make("td", "", row);
    cell.colSpan = shape === "both" ? 4 : 2;
    line.append(cell);
    return [line];
  }
  const [one, before, runsBefore, other, after, runsAfter] = row;
  const same = one && other && before === after;
  const cut = one && other && !same ? difference(before, after) : null;
  const left = cut && [cut[0], cut[1]], right = cut && [cut[0], cut[2]];
  const id = `${anchor}-L${other}`;
  if (shape === "both") {
    side(line, one, before, runsBefore, one ? (same ? "" : "del") : "none", left, "");
    side(line, other, after, runsAfter, other ? (same ? "" : "add") : "none", right, id);
    return [line];
  }
  const lines = [];
  if (one && !same) {
    side(line, one, before, runsBefore, "del", left, "");
    lines.push(line);
  }
  if (other) {
    const next = make("tr");
    side(next, other, after, runsAfter, same ? "" : "add", right, id);
    lines.push(next);
  }
  return lines;
}

// What is said of a line, in rows of their own under it.
function told(notes, shape) {
  return notes.map(([severity, text]) => {
    const line = make("tr", `told ${severity}`);
    const cell = make("td", "", text);
    cell.colSpan = shape === "both" ? 4 : 2;
    cell.dir = "auto";
    line.append(cell);
    return line;
  });
}

// Fills the box of a file; resolves to a function that builds as far as a line of the new text and gives its number's cell,
// or that of the nearest line that is shown.
async function unfold(box, packed, anchor) {
  const [single, hunks, notes] = await unpacked(packed);
  const shape = single || matchMedia("(max-width: 60rem)").matches ? "one" : "both";
  const rows = paired(hunks);
  const table = make("table", `code ${shape}`);
  const caption = make("caption", "unseen", `Changed lines of ${box.dataset.name}`);
  table.append(caption);
  const widths = make("colgroup");
  for (const name of shape === "both" ? ["nums", "", "nums", ""] : ["nums", ""]) widths.append(make("col", name));
  table.append(widths);
  if (shape === "both") {
    const head = make("tr");
    for (const text of ["", "before", "", "after"]) head.append(make(text ? "th" : "td", "", text));
    head.querySelectorAll("th").forEach((cell) => (cell.scope = "col"));
    const top = make("thead");
    top.append(head);
    table.append(top);
  }
  box.replaceChildren(table);
  let next = 0;
  const more = make("button", "more", "");
  more.type = "button";
  const piece = () => {
    const body = make("tbody");
    for (const row of rows.slice(next, next + PIECE)) body.append(...built(row, shape, anchor), ...told(notes[row[3]] || [], shape));
    table.append(body);
    next += PIECE;
    more.textContent = `${rows.length - next} more lines`;
    if (next >= rows.length) more.remove();
  };
  more.addEventListener("click", piece);
  piece();
  if (next < rows.length) {
    box.append(more);
    new IntersectionObserver((seen) => seen.some((item) => item.isIntersecting) && next < rows.length && piece(), { rootMargin: "600px" }).observe(more);
  }
  return (line) => {
    let at = rows.findIndex((row) => typeof row !== "string" && row[3] >= line);
    if (at < 0) at = rows.length - 1;
    while (at >= next && next < rows.length) piece();
    return document.getElementById(`${anchor}-L${rows[at][3]}`);
  };
}
