// Hovering tells of a task, dragging zooms. All is drawn without this already.
"use strict";
function enliven() {
  const svg = document.getElementById("timeline"), source = document.getElementById("attempts");
  if (!svg || !source) return;
  const all = JSON.parse(source.textContent), tip = document.querySelector(".tip");
  const NS = "http://www.w3.org/2000/svg", PITCH = all.pitch, spans = svg.querySelector(".spans");
  const axis = svg.querySelector(".time"), drawn = spans.innerHTML, ticks = axis.innerHTML;
  const height = all.tops.length ? all.tops[all.tops.length - 1] + PITCH : 0;
  const byLane = all.tops.map(() => []);
  all.lane.forEach((lane, i) => { if (lane >= 0) byLane[lane].push(i); });
  let from = 0, until = all.length, held = null, box = null;
  document.documentElement.classList.add("scripted");
  svg.classList.add("live");
  const place = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return { x: point.x, y: point.y, at: from + (until - from) * (point.x - all.left) / all.width };
  };
  const x = (at) => all.left + all.width * (at - from) / (until - from);
  const make = (name, values, inside) => {
    const made = document.createElementNS(NS, name);
    for (const key in values) made.setAttribute(key, values[key]);
    return inside.appendChild(made);
  };
  const said = (s) => s < 1 ? (s * 1000).toPrecision(3) + " ms" : s < 100 ? s.toPrecision(3) + " s" :
    s < 6000 ? (s / 60).toPrecision(3) + " min" : (s / 3600).toPrecision(3) + " h";
  function draw() {
    if (from === 0 && until === all.length) { spans.innerHTML = drawn; axis.innerHTML = ticks; return; }
    spans.textContent = ""; axis.textContent = "";
    const step0 = (until - from) / all.unit / 7, power = Math.pow(10, Math.floor(Math.log10(step0)));
    const step = power * [1, 2, 5, 10].find((f) => f * power >= step0) * all.unit;
    for (let at = Math.ceil(from / step) * step; at <= until; at += step) {
      make("path", { class: "grid", d: `M${x(at)} 2V${height + 4}` }, axis);
      make("text", { class: "tick mid", x: x(at), y: height + 19 }, axis).textContent = +(at / all.unit).toPrecision(8);
    }
    const paths = {};
    all.lane.forEach((lane, i) => {
      const begin = all.begin[i], end = begin + all.seconds[i];
      if (lane < 0 || end < from || begin > until) return;
      const kind = all.kinds[all.outcome[i]], left = Math.max(all.left, x(begin));
      (paths[kind] = paths[kind] || []).push(`M${left.toFixed(2)} ${all.tops[lane] + PITCH / 2}h` +
        Math.max(0.6, Math.min(x(end), all.left + all.width) - left - 0.5).toFixed(2));
    });
    for (const kind in paths) make("path", { class: "lane " + kind, d: paths[kind].join("") }, spans);
  }
  function hover(event) {
    const { x: px, y, at } = place(event);
    if (held !== null) {
      const a = Math.max(all.left, Math.min(held, px)), b = Math.min(all.left + all.width, Math.max(held, px));
      if (!box) box = make("rect", { class: "zoombox", y: 0, height: height + 4 }, svg);
      box.setAttribute("x", a); box.setAttribute("width", Math.max(0, b - a));
      return;
    }
    const lane = all.tops.findIndex((top) => y >= top && y < top + PITCH);
    const slack = 2 * (until - from) / all.width;
    let best = -1, distance = slack;
    if (lane >= 0 && px >= all.left) for (const i of byLane[lane]) {
      const away = Math.max(all.begin[i] - at, at - all.begin[i] - all.seconds[i], 0);
      if (away < distance) { best = i; distance = away; }
    }
    if (best < 0) { tip.style.display = "none"; return; }
    tip.textContent = `${all.functions[all.function[best]]}  ${all.task[best]}\n` +
      `${all.words[all.outcome[best]]}, ${said(all.seconds[best])}, at ${said(all.begin[best])}`;
    const frame = svg.parentElement.getBoundingClientRect();
    tip.style.display = "block";
    tip.style.left = Math.max(0, Math.min(event.clientX - frame.left + 14, frame.width - tip.offsetWidth - 4)) + "px";
    tip.style.top = event.clientY - frame.top + 18 + "px";
  }
  svg.addEventListener("pointermove", hover);
  svg.addEventListener("pointerleave", () => { tip.style.display = "none"; });
  svg.addEventListener("pointerdown", (event) => {
    const { x: px } = place(event);
    if (event.button === 0 && event.pointerType === "mouse" && px >= all.left) {
      held = px; svg.setPointerCapture(event.pointerId); event.preventDefault();
    }
  });
  svg.addEventListener("pointerup", (event) => {
    if (held === null) return;
    const { x: px } = place(event), a = Math.max(all.left, Math.min(held, px)), b = Math.max(held, px);
    held = null; if (box) { box.remove(); box = null; }
    if (b - a < 4) return;
    const length = until - from, begin = from;
    from = begin + length * (a - all.left) / all.width;
    until = begin + length * Math.min(1, (b - all.left) / all.width);
    draw();
  });
  svg.addEventListener("dblclick", () => { from = 0; until = all.length; draw(); });
}
enliven();
