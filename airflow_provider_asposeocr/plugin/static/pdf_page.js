// Draws a page of a PDF. pdf.js is beside this file where the package was built with it.
import * as pdfjs from "./pdfjs/pdf.min.mjs";

const MAX_PIXELS = 16_000_000;
const canvas = document.getElementById("pdf");
const here = new URL("./pdfjs/", import.meta.url);
pdfjs.GlobalWorkerOptions.workerSrc = new URL("pdf.worker.min.mjs", here).href;

const pages = document.getElementById("pdf-pages");
let drawing = null;

async function draw(file, number) {
  drawing?.cancel();
  const page = await file.getPage(number);
  const unscaled = page.getViewport({ scale: 1 });
  const wanted = (2 * canvas.parentElement.clientWidth) / unscaled.width;
  const scale = Math.min(wanted, Math.sqrt(MAX_PIXELS / (unscaled.width * unscaled.height)));
  const viewport = page.getViewport({ scale });
  canvas.width = Math.ceil(viewport.width);
  canvas.height = Math.ceil(viewport.height);
  drawing = page.render({ canvas, viewport });
  await drawing.promise;
  canvas.dataset.width = String(viewport.width);
  canvas.dataset.height = String(viewport.height);
  canvas.dispatchEvent(new Event("drawn"));
}

function leaf(file, start) {
  let number = start;
  const [back, forth] = pages.querySelectorAll("button");
  const turn = async (step) => {
    number = Math.min(Math.max(number + step, 1), file.numPages);
    pages.querySelector("span").textContent = `Page ${number} of ${file.numPages}`;
    back.disabled = number === 1;
    forth.disabled = number === file.numPages;
    await draw(file, number);
  };
  back.addEventListener("click", () => turn(-1).catch(report));
  forth.addEventListener("click", () => turn(1).catch(report));
  pages.hidden = file.numPages < 2;
  return turn(0);
}

function report(error) {
  if (error?.name === "RenderingCancelledException") return;
  const problem = document.getElementById("pdf-problem");
  problem.textContent = "This PDF cannot be shown: it is damaged, or locked by a password.";
  problem.hidden = false;
  canvas.hidden = true;
  canvas.parentElement.classList.add("blank");
}

try {
  const file = await pdfjs.getDocument({
    url: canvas.dataset.file,
    wasmUrl: here.href,
    isEvalSupported: false,
    enableXfa: false,
  }).promise;
  const start = Math.min(Number(canvas.dataset.page) || 1, file.numPages);
  await (pages ? leaf(file, start) : draw(file, start));
} catch (error) {
  report(error);
}
