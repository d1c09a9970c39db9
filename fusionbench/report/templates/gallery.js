// The slider between two pictures, one crop of all pictures, and the best and worst images.
const look = { pictures: new Map(), x: 0.5, y: 0.5, zoom: 4, entry: null };
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

const blockFor = (dataset, degradation) =>
  data.blocks.find((block) => block.dataset === dataset && block.degradation === degradation);

function scoreOf(block, method, image, metric) {
  const values = block?.values[metric]?.[method];
  return values ? values[block.images.indexOf(image)] : null;
}

function chooseImage() {
  look.entry = data.gallery[Number(byId("gallery-image").value)];
  const degradations = Object.keys(look.entry.degradations);
  fill(byId("gallery-degradation"), degradations.map((name) => [name, name]));
  returnToCrop();
  chooseDegradation();
}

function chooseDegradation() {
  const { entry } = look;
  look.pictures = new Map(entry.degradations[byId("gallery-degradation").value]);
  const labels = [...look.pictures.keys()].map((name) => [name, name]);
  const first = labels[0][0];
  const last = labels[labels.length - 1][0];
  const kept = (id, other) => (look.pictures.has(byId(id).value) ? byId(id).value : other);
  fill(byId("gallery-left"), labels, kept("gallery-left", look.pictures.has("visible") ? "visible" : first));
  fill(byId("gallery-right"), labels, kept("gallery-right", last));
  byId("gallery-note").textContent = entry.sources
    ? ""
    : "The run keeps the sources of its first images only; this one shows the fused images alone.";
  byId("stage").style.aspectRatio = `${entry.width} / ${entry.height}`;
  // The whole picture fits the height of the window.
  byId("gallery").style.setProperty("--stage", `min(60rem, ${(78 * entry.width) / entry.height}vh)`);
  showPair();
  showCrops();
}

function showPair() {
  for (const [id, tag, side] of [["over", "left-tag", "left"], ["under", "right-tag", "right"]]) {
    const name = byId(`gallery-${side}`).value;
    byId(id).src = look.pictures.get(name);
    byId(id).alt = `${name}, ${look.entry.image}, ${byId("gallery-degradation").value}`;
    byId(tag).textContent = name;
  }
}

function slide() {
  const share = Number(byId("slider").value);
  byId("over").style.clipPath = `inset(0 ${100 - share}% 0 0)`;
  byId("handle").style.left = `${share}%`;
  const names = `${Math.round(share)} % ${byId("gallery-left").value}, the rest ${byId("gallery-right").value}`;
  byId("slider").setAttribute("aria-valuetext", names);
}

function showCrops() {
  const degradation = byId("gallery-degradation").value;
  const metric = byId("gallery-metric").value;
  const block = blockFor(look.entry.dataset, degradation);
  const figures = [...look.pictures].map(([name, path]) => {
    const picture = element("img", { src: path, alt: `crop of ${name}`, draggable: "false" });
    const value = scoreOf(block, name, look.entry.image, metric);
    const score = block?.methods.includes(name) ? `${labelOf(metric)} ${number(value)}` : "";
    const pane = element("div", { class: "window", style: `aspect-ratio:${look.entry.width}/${look.entry.height}` }, picture);
    return element("figure", {}, pane, element("figcaption", {}, element("span", {}, name), element("span", {}, score)));
  });
  for (const name of block?.unable ?? []) {
    const style = `aspect-ratio:${look.entry.width}/${look.entry.height}`;
    const pane = element("div", { class: "window none", style }, "n/a");
    figures.push(element("figure", {}, pane, element("figcaption", {}, element("span", {}, name))));
  }
  byId("crops").replaceChildren(...figures);
  moveCrop();
}

function moveCrop() {
  const half = 0.5 / look.zoom;
  look.x = clamp(look.x, half, 1 - half);
  look.y = clamp(look.y, half, 1 - half);
  for (const picture of byId("crops").querySelectorAll("img")) {
    picture.style.width = `${100 * look.zoom}%`;
    picture.style.transform = `translate(${-100 * (look.x - half)}%, ${-100 * (look.y - half)}%)`;
  }
  const frame = byId("frame").style;
  [frame.left, frame.top] = [`${100 * (look.x - half)}%`, `${100 * (look.y - half)}%`];
  frame.width = frame.height = `${200 * half}%`;
  byId("zoom").value = look.zoom;
  byId("zoom").setAttribute("aria-valuetext", `${look.zoom.toFixed(1)} times`);
}

function returnToCrop() {
  [look.x, look.y, look.zoom] = look.entry.crop;
  moveCrop();
}

const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function cropKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in moves) {
    look.x += (moves[event.key][0] * 0.1) / look.zoom;
    look.y += (moves[event.key][1] * 0.1) / look.zoom;
  } else if (event.key === "+" || event.key === "=") look.zoom = Math.min(look.zoom * 1.25, 12);
  else if (event.key === "-") look.zoom = Math.max(look.zoom / 1.25, 1);
  else if (event.key === "0") returnToCrop();
  else return;
  event.preventDefault();
  moveCrop();
}

/** Call `move` with each event from pressing to releasing; `start` says whether the press counts. */
function onDrag(target, start, move) {
  target.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !start(event)) return;
    target.setPointerCapture(event.pointerId);
    const stop = () => {
      target.removeEventListener("pointermove", move);
      target.removeEventListener("pointerup", stop);
      target.removeEventListener("pointercancel", stop);
    };
    target.addEventListener("pointermove", move);
    target.addEventListener("pointerup", stop);
    target.addEventListener("pointercancel", stop);
    move(event);
  });
}

function within(event) {
  const box = byId("stage").getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

function wireGallery() {
  onDrag(byId("handle"), (event) => { event.stopPropagation(); return true; }, (event) => {
    byId("slider").value = clamp(100 * within(event)[0], 0, 100);
    slide();
  });
  onDrag(byId("stage"), () => true, (event) => {
    [look.x, look.y] = within(event);
    moveCrop();
  });
  let last = null;
  onDrag(byId("crops"), (event) => {
    const pane = event.target.closest(".window");
    last = pane && { x: event.clientX, y: event.clientY, width: pane.clientWidth, height: pane.clientHeight };
    return last !== null;
  }, (event) => {
    look.x -= (event.clientX - last.x) / last.width / look.zoom;
    look.y -= (event.clientY - last.y) / last.height / look.zoom;
    [last.x, last.y] = [event.clientX, event.clientY];
    moveCrop();
  });
  byId("crops").addEventListener("keydown", cropKey);
  byId("slider").addEventListener("input", slide);
  byId("zoom").addEventListener("input", () => { look.zoom = Number(byId("zoom").value); moveCrop(); });
  byId("reset").addEventListener("click", returnToCrop);
  byId("gallery-image").addEventListener("change", chooseImage);
  byId("gallery-degradation").addEventListener("change", chooseDegradation);
  byId("gallery-metric").addEventListener("change", showCrops);
  for (const side of ["left", "right"]) byId(`gallery-${side}`).addEventListener("change", () => { showPair(); slide(); });
}

function openInGallery(place, degradation, method) {
  byId("gallery-image").value = place;
  chooseImage();
  byId("gallery-degradation").value = degradation;
  byId("gallery-right").value = method;
  chooseDegradation();
  byId("gallery").scrollIntoView();
  byId("gallery-image").focus({ preventScroll: true });
}

function pickCard(block, method, metric, [image, path]) {
  const value = scoreOf(block, method, image, metric);
  const picture = element("img", { src: path, alt: `${image}, ${block.degradation}, ${method}` });
  const place = data.gallery.findIndex((entry) => entry.dataset === block.dataset && entry.image === image);
  const open = () => openInGallery(place, block.degradation, method);
  const shownPicture = place < 0 ? picture : element("button", { type: "button", title: "Open in the gallery", onclick: open }, picture);
  const caption = element("figcaption", {}, element("span", {}, image), element("span", {}, `${labelOf(metric)} ${number(value)}`));
  return element("li", {}, element("figure", {}, shownPicture, caption));
}

function showPicks() {
  const block = data.blocks[Number(byId("extremes-block").value)];
  const method = fill(byId("extremes-method"), block.methods.map((name) => [name, name]));
  const metric = byId("extremes-metric").value;
  const [best, worst] = block.picks[method]?.[metric] ?? [[], []];
  const directed = metricOf.get(metric).better !== "none";
  const parts = [];
  for (const [title, images] of [[directed ? "Best" : "Highest", best], [directed ? "Worst" : "Lowest", worst]]) {
    if (!images.length) continue;
    const cards = images.map((image) => pickCard(block, method, metric, [image, block.thumbs[method][image]]));
    parts.push(element("h3", {}, `${title} ${labelOf(metric)}`), element("ul", { class: "picks" }, ...cards));
  }
  if (!parts.length) parts.push(element("p", { class: "note" }, `No image of ${method} has ${metric} here.`));
  byId("picks").replaceChildren(...parts);
}

fill(byId("gallery-image"), data.gallery.map((entry, place) => [place, `${entry.dataset}, ${entry.image}${entry.sources ? "" : " (fused only)"}`]));
fill(byId("gallery-metric"), metricOptions);
if (data.gallery.length) {
  wireGallery();
  chooseImage();
  slide();
} else {
  byId("gallery").replaceChildren(byId("gallery-title"), element("p", { class: "note" }, "The run's folder holds no images."));
}
fill(byId("extremes-block"), blockOptions);
fill(byId("extremes-metric"), metricOptions);
for (const part of ["block", "method", "metric"]) byId(`extremes-${part}`).addEventListener("change", showPicks);
showPicks();
