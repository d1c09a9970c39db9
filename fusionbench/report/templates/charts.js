// Charts as inline SVG, drawn at the width that the page has, so that labels keep their size on a phone.
const shapes = [
  "M-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0",
  "M-4.5,-4.5h9v9h-9z",
  "M0,-5.8L5.4,4.2H-5.4z",
  "M0,-6L6,0L0,6L-6,0z",
];
const colours = 8;
const placeOf = new Map(data.methods.map((method, place) => [method, place]));
const colourOf = (method) => `var(--m${placeOf.get(method) % colours})`;
// Neighbours in the list differ in shape too, for readers who do not tell the colours apart.
const shapeOf = (method) => shapes[(placeOf.get(method) + Math.floor(placeOf.get(method) / colours)) % shapes.length];
const hiddenMethods = new Set();

function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function dot(method, x, y, words) {
  const mark = svg("path", { d: shapeOf(method), transform: `translate(${x},${y})`, style: `fill:${colourOf(method)}` });
  if (words) mark.append(svg("title", {}, words));
  return mark;
}

function canvas(holder, height, label) {
  const width = Math.max(holder.clientWidth, 280);
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
  holder.replaceChildren(drawing);
  return [drawing, width];
}

const finite = (values) => values.filter((value) => value !== null);
const mean = (values) => (values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null);

function quantile(sorted, share) {
  const place = share * (sorted.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
}

/** Round steps that cut a range into about `count` parts. */
function ticks(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= raw);
  const places = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const made = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k += 1) made.push([k * step, (k * step).toFixed(places)]);
  return made;
}

function summaryOf(block, metric, method) {
  const values = finite(block.values[metric]?.[method] ?? []).sort((a, b) => a - b);
  if (!values.length) return null;
  return { method, mean: mean(values), low: quantile(values, 0.25), high: quantile(values, 0.75), count: values.length };
}

const shown = (block) => block.methods.filter((method) => !hiddenMethods.has(method));

function drawDegradations() {
  const metric = byId("chart-metric").value;
  const groups = data.blocks
    .filter((block) => block.dataset === byId("chart-dataset").value)
    .map((block) => [block, shown(block).map((method) => summaryOf(block, metric, method)).filter(Boolean)])
    .filter(([, lanes]) => lanes.length);
  const holder = byId("chart");
  if (!groups.length) {
    holder.replaceChildren(element("p", { class: "note" }, `Nothing to draw: no method that is shown has ${metric} here.`));
    return;
  }
  const [lane, title, gap, foot] = [17, 22, 10, 44];
  const height = groups.reduce((sum, [, lanes]) => sum + title + lanes.length * lane + gap, 0) + foot;
  const [drawing, width] = canvas(holder, height, `${titleOf(metric)} by degradation and method; the tables hold the numbers`);
  const [left, right] = [10, width - 12];
  const ends = groups.flatMap(([, lanes]) => lanes.flatMap((entry) => [entry.low, entry.high, entry.mean]));
  let [least, most] = [Math.min(...ends), Math.max(...ends)];
  const room = (most - least) * 0.04 || Math.abs(most) * 0.1 || 1;
  [least, most] = [least - room, most + room];
  const x = (value) => left + ((value - least) / (most - least)) * (right - left);
  for (const [value, text] of ticks(least, most, width < 500 ? 4 : 8)) {
    drawing.append(svg("line", { class: "grid", x1: x(value), x2: x(value), y1: 0, y2: height - foot }));
    drawing.append(svg("text", { class: "faint", x: x(value), y: height - foot + 16, "text-anchor": "middle" }, text));
  }
  let y = 0;
  for (const [block, lanes] of groups) {
    drawing.append(svg("text", { x: left, y: y + 16, "font-weight": 600 }, block.degradation));
    y += title;
    for (const entry of lanes) {
      const middle = y + lane / 2;
      const words = `${entry.method}, ${block.degradation}: mean ${number(entry.mean)}, middle half ${number(entry.low)} to ${number(entry.high)}, ${entry.count} images`;
      drawing.append(svg("line", { x1: x(entry.low), x2: x(entry.high), y1: middle, y2: middle, style: `stroke:${colourOf(entry.method)};stroke-width:3;opacity:.45` }));
      drawing.append(dot(entry.method, x(entry.mean), middle, words));
      y += lane;
    }
    y += gap;
  }
  drawing.append(svg("text", { class: "faint", x: (left + right) / 2, y: height - 6, "text-anchor": "middle" }, titleOf(metric)));
}

function drawProfile() {
  const block = data.blocks[Number(byId("profile-block").value)];
  const lines = data.metrics
    .map(({ name }) => [name, new Map(block.methods.map((method) => [method, summaryOf(block, name, method)?.mean ?? null]))])
    .filter(([, means]) => finite([...means.values()]).length);
  const [step, top] = [44, 26];
  const height = top + lines.length * step;
  const [drawing, width] = canvas(byId("profile-chart"), height, `Means of ${block.title} by metric, worst method left, best right`);
  const [left, right] = [width < 500 ? 84 : 130, width - (width < 500 ? 62 : 80)];
  const paths = new Map(shown(block).map((method) => [method, []]));
  drawing.append(svg("text", { class: "faint", x: left, y: 12, "text-anchor": "middle" }, "worst"));
  drawing.append(svg("text", { class: "faint", x: right, y: 12, "text-anchor": "middle" }, "best"));
  lines.forEach(([name, means], row) => {
    const y = top + row * step + step / 2 - 6;
    const values = finite([...means.values()]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const [worst, best] = metricOf.get(name).better === "lower" ? [high, low] : [low, high];
    drawing.append(svg("line", { class: "grid", x1: left, x2: right, y1: y, y2: y }));
    drawing.append(svg("text", { x: 0, y: y - 1, "font-weight": 600 }, labelOf(name)));
    drawing.append(svg("text", { class: "faint", x: 0, y: y + 14 }, number(worst)));
    drawing.append(svg("text", { class: "faint", x: width, y: y + 4, "text-anchor": "end" }, number(best)));
    for (const [method, value] of means) {
      if (value === null || !paths.has(method)) continue;
      const share = best === worst ? 0.5 : (value - worst) / (best - worst);
      paths.get(method).push([left + share * (right - left), y, `${method}: ${name} ${number(value)}`, row]);
    }
  });
  for (const [method, points] of paths) {
    // A missing value leaves a gap in the line.
    const d = points.map(([x, y, , row], place) => `${place && points[place - 1][3] === row - 1 ? "L" : "M"}${x},${y}`).join("");
    drawing.append(svg("path", { d, style: `fill:none;stroke:${colourOf(method)};stroke-width:2;opacity:.7` }));
  }
  for (const [method, points] of paths) points.forEach(([x, y, words]) => drawing.append(dot(method, x, y, words)));
}

function drawCharts() {
  drawDegradations();
  drawProfile();
}

const metricOptions = data.metrics.map(({ name }) => [name, titleOf(name)]);
const blockOptions = data.blocks.map((block, place) => [place, `${block.dataset}, ${block.degradation}`]);
fill(byId("chart-dataset"), [...new Set(data.blocks.map((block) => block.dataset))].map((name) => [name, name]));
fill(byId("chart-metric"), metricOptions);
fill(byId("profile-block"), blockOptions);
for (const method of data.methods) {
  const sample = svg("svg", { width: 14, height: 14, viewBox: "-7 -7 14 14", "aria-hidden": "true" }, dot(method, 0, 0));
  const box = element("input", { type: "checkbox", checked: "", value: method });
  box.addEventListener("change", () => {
    if (box.checked) hiddenMethods.delete(method);
    else hiddenMethods.add(method);
    drawCharts();
  });
  byId("legend").append(element("label", {}, box, sample, method));
}
byId("chart-dataset").addEventListener("change", drawDegradations);
byId("chart-metric").addEventListener("change", drawDegradations);
byId("profile-block").addEventListener("change", drawProfile);
let drawnAt = 0;
new ResizeObserver(([entry]) => {
  // Drawing changes the height of the holder; only its width asks for another drawing.
  const width = Math.round(entry.contentRect.width);
  if (width === drawnAt) return;
  drawnAt = width;
  requestAnimationFrame(drawCharts);
}).observe(byId("chart"));
drawCharts();
