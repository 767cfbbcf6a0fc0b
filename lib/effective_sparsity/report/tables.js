// Sorting, filtering and downloading; without it the tables are still there to read.
"use strict";

function key(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value === undefined ? cell.textContent.toLowerCase() : Number(cell.dataset.value);
}

// Empty cells come last in both directions.
function compare(a, b, sign) {
  if (a === "" || b === "") return (a === "") - (b === "");
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  return sign * String(a).localeCompare(String(b));
}

function sort(table, column) {
  const heads = [...table.tHead.rows[0].cells];
  const sign = heads[column].ariaSort === "ascending" ? -1 : 1;
  heads.forEach((head, i) => {
    head.ariaSort = i !== column ? "none" : sign > 0 ? "ascending" : "descending";
  });
  const rows = [...table.tBodies[0].rows].map((row) => [key(row, column), row]);
  rows.sort((a, b) => compare(a[0], b[0], sign));
  table.tBodies[0].append(...rows.map((pair) => pair[1]));
}

// A row is shown if it has all words.
function filter(table, words, counter) {
  const rows = [...table.tBodies[0].rows];
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
  const shown = rows.filter((row) => !row.hidden).length;
  counter.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
}

// The rows that are shown, in their order, with numbers as numbers.
function csv(table) {
  const rows = [table.tHead.rows[0], ...table.tBodies[0].rows].filter((row) => !row.hidden);
  const texts = (row) => [...row.cells].map((cell) => cell.dataset.value ?? cell.textContent);
  const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return rows.map((row) => texts(row).map(quoted).join(",")).join("\n") + "\n";
}

function download(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    head.firstElementChild.addEventListener("click", () => sort(table, column));
  });
  const section = table.closest("details");
  const input = section.querySelector("input");
  const counter = section.querySelector("output");
  const button = section.querySelector(".filter button");
  button.addEventListener("click", () => download(button.dataset.name, csv(table)));
  input.addEventListener("input", () => {
    filter(table, input.value.toLowerCase().split(/\s+/).filter(Boolean), counter);
  });
}

// A link to something inside a closed part opens it.
function open() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target) {
    for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
    target.scrollIntoView();
  }
}
addEventListener("hashchange", open);
open();

// Paper shows the claims with their measurements; of the tables, those that are open.
addEventListener("beforeprint", () => {
  for (const claim of document.querySelectorAll(".claim")) claim.open = true;
});
