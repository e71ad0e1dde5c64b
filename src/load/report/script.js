// Shows the values under the pointer. The charts themselves are there without it.
"use strict";
for (const plot of document.querySelectorAll(".plot")) {
  const series = JSON.parse(plot.dataset.values);
  const svg = plot.querySelector("svg");
  const cursor = plot.querySelector(".cursor");
  const box = plot.querySelector(".values");
  const hide = () => {
    box.hidden = true;
    cursor.classList.remove("shown");
  };
  plot.addEventListener("pointerleave", hide);
  plot.addEventListener("pointermove", (event) => {
    const frame = svg.getBoundingClientRect();
    const unit = frame.width / svg.viewBox.baseVal.width;
    const at = (event.clientX - frame.left) / unit;
    const rows = [];
    let nearest = null;
    for (const { label, class: colour, points } of series) {
      let best = null;
      for (const point of points) if (!best || Math.abs(point[0] - at) < Math.abs(best[0] - at)) best = point;
      if (!best) continue;
      if (!nearest || Math.abs(best[0] - at) < Math.abs(nearest[0] - at)) nearest = best;
      rows.push([label, colour, best]);
    }
    if (!nearest) return hide();
    cursor.setAttribute("x1", nearest[0]);
    cursor.setAttribute("x2", nearest[0]);
    cursor.classList.add("shown");
    const head = document.createElement("b");
    head.textContent = nearest[2];
    const lines = rows.map(([label, colour, point]) => {
      const line = document.createElement("div");
      const key = document.createElement("span");
      key.className = `key ${colour}`;
      const value = document.createElement("b");
      value.textContent = point[3];
      line.append(key, `${label} `, value);
      return line;
    });
    box.replaceChildren(head, ...lines);
    box.hidden = false;
    const left = nearest[0] * unit;
    box.style.left = left > frame.width / 2 ? "auto" : `${left + 12}px`;
    box.style.right = left > frame.width / 2 ? `${frame.width - left + 12}px` : "auto";
  });
}
