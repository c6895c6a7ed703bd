// Draws the boxes of the recognized words over the page, and joins each with its word in the text.
"use strict";
{
  const sheet = document.getElementById("sheet");
  const text = document.getElementById("text");
  const image = document.getElementById("source");
  const canvas = document.getElementById("pdf");
  const boxes = sheet ? [...sheet.querySelectorAll(".box")] : [];
  const words = text ? [...text.querySelectorAll(".word")] : [];
  const known = new Map();
  for (const element of [...boxes, ...words]) {
    const unit = Number(element.dataset.unit);
    known.set(unit, [...(known.get(unit) ?? []), element]);
  }

  // How the boxes lie on the image: its size in the pixels of the boxes, and where it begins.
  function frame() {
    const told = { width: Number(sheet.dataset.width), height: Number(sheet.dataset.height), x: 0, y: 0 };
    const width = image?.naturalWidth ?? Number(canvas?.dataset.width ?? 0);
    const height = image?.naturalHeight ?? Number(canvas?.dataset.height ?? 0);
    if (!width || !height) return told;
    // A result that does not tell the size of its page is in the pixels of the image.
    if (image && sheet.dataset.sized !== "yes") return { width, height, x: 0, y: 0 };
    const ratio = told.width / told.height;
    if (Math.abs((ratio * height) / width - 1) < 0.005) return told;
    // The service has turned the page, by an angle with this tangent: it grows by that and keeps its centre.
    const tangent = (ratio * height - width) / (height - ratio * width);
    if (!(tangent > 0 && tangent < 0.3)) return told;
    document.getElementById("turned").hidden = false;
    const scale = (told.width * Math.hypot(1, tangent)) / (width + height * tangent);
    const size = { width: width * scale, height: height * scale };
    return { ...size, x: (told.width - size.width) / 2, y: (told.height - size.height) / 2 };
  }

  function place() {
    const { width, height, x, y } = frame();
    if (!width || !height) return;
    if (!image && !canvas) sheet.style.aspectRatio = `${width} / ${height}`;
    const scale = sheet.clientWidth / width;
    for (const box of boxes) {
      const [left, top, right, bottom] = box.dataset.box.split(" ").map(Number);
      box.style.left = `${(100 * (left - x)) / width}%`;
      box.style.top = `${(100 * (top - y)) / height}%`;
      box.style.width = `${(100 * (right - left)) / width}%`;
      box.style.height = `${(100 * (bottom - top)) / height}%`;
      box.style.fontSize = `${Math.max((bottom - top) * scale * 0.78, 1)}px`;
    }
    sheet.classList.add("placed");
  }

  let current = null;
  function mark(unit, from) {
    for (const element of known.get(current) ?? []) element.classList.remove("marked");
    current = unit;
    for (const element of known.get(unit) ?? []) {
      element.classList.add("marked");
      // The other side follows the pointer, not the side that it is on.
      if (from && !element.closest(`.${from}`)) element.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }

  function follow(side, name) {
    side?.addEventListener("pointerover", (event) => {
      const unit = event.target.dataset?.unit;
      if (unit !== undefined) mark(Number(unit), name);
    });
    side?.addEventListener("pointerleave", () => mark(null, null));
  }
  follow(sheet, "sheet");
  follow(text, "text");

  sheet?.parentElement.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !words.length || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const numbers = words.map((word) => Number(word.dataset.unit));
    const at = numbers.indexOf(current);
    mark(numbers[at < 0 ? 0 : Math.min(Math.max(at + step, 0), numbers.length - 1)], "none");
  });

  document.getElementById("boxes")?.addEventListener("change", (event) => {
    sheet.classList.toggle("plain", !event.target.checked);
  });
  document.getElementById("zoom")?.addEventListener("change", (event) => {
    sheet.style.width = event.target.value === "fit" ? "100%" : `${100 * Number(event.target.value)}%`;
  });

  if (sheet) {
    image?.addEventListener("load", place);
    canvas?.addEventListener("drawn", place);
    new ResizeObserver(place).observe(sheet);
    place();
  }
}
