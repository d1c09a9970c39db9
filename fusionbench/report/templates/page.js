// Data of the page, elements, the colour scheme and sorting.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** Fill a select with [value, label] pairs; the value that was chosen stays where it still exists. */
function fill(select, options, wanted = select.value) {
  select.replaceChildren(...options.map(([value, label]) => element("option", { value }, label)));
  if (options.some(([value]) => String(value) === String(wanted))) select.value = wanted;
  return select.value;
}

function number(value) {
  if (value === null || value === undefined) return "-";
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(2);
  return size >= 0.1 || value === 0 ? value.toFixed(3) : String(Number(value.toPrecision(3)));
}

const metricOf = new Map(data.metrics.map((metric) => [metric.name, metric]));
const labelOf = (name) => `${name} ${metricOf.get(name).arrow}`.trim();
const titleOf = (name) => (metricOf.get(name).title ? `${labelOf(name)} - ${metricOf.get(name).title}` : labelOf(name));

const themes = { system: "dark", dark: "light", light: "system" };

function showTheme(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId("theme").textContent = `Colours: ${theme}`;
  byId("theme").setAttribute("aria-label", `Colour scheme: ${theme}; change to ${themes[theme]}`);
}

let theme = "system";
try {
  // Some browsers keep no storage for pages that are read from disk.
  theme = localStorage.getItem("fusionbench-theme") || "system";
} catch (refused) {
  theme = "system";
}
if (!(theme in themes)) theme = "system";
showTheme(theme);
byId("theme").addEventListener("click", () => {
  theme = themes[theme];
  showTheme(theme);
  try {
    localStorage.setItem("fusionbench-theme", theme);
  } catch (refused) {
    // The choice then lasts as long as the page.
  }
});

/** Sort the rows of a table by one column; rows without a value stay last. */
function sortBy(table, column) {
  const heads = [...table.tHead.rows[0].cells];
  const head = heads[column];
  const before = head.getAttribute("aria-sort");
  // The first click puts the best at the top; names, and metrics without a direction, begin at the lower end.
  const first = head.dataset.better === "higher" ? "descending" : "ascending";
  const order = before === null ? first : before === "ascending" ? "descending" : "ascending";
  const textual = column === 0;
  const value = (row) => {
    const raw = row.cells[column].dataset.value;
    return textual ? raw : raw === "" ? NaN : Number(raw);
  };
  const sign = order === "ascending" ? 1 : -1;
  const rows = [...table.tBodies[0].rows].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (textual) return sign * x.localeCompare(y, "en", { numeric: true });
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return sign * (x - y);
  });
  table.tBodies[0].append(...rows);
  heads.forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", order);
  byId("sorted").textContent = `${table.caption.textContent}: sorted by ${head.textContent.trim()}, ${order}`;
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => sortBy(table, column));
  });
}
