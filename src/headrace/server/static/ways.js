// The ways in: dropped, chosen and pasted files and texts.

import { at } from "./tell.js";
import { dropped } from "./upload.js";

export function wireDrop(take, takeText) {
  let depth = 0;
  const veil = (isOn) => { depth = isOn ? depth : 0; document.body.dataset.drag = String(isOn); };
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].some((type) => type === "Files" || type === "text/plain");
  addEventListener("dragenter", (event) => { if (hasFiles(event)) { depth += 1; veil(true); } });
  addEventListener("dragleave", () => { depth -= 1; if (depth <= 0) veil(false); });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", async (event) => {
    event.preventDefault();
    veil(false);
    const text = event.dataTransfer.getData("text/plain");
    if (event.dataTransfer.files.length) take(await dropped(event.dataTransfer));
    else if (text) takeText(text);
  });
  addEventListener("paste", (event) => {
    if (event.target.closest("input, textarea")) return;
    const files = [...event.clipboardData.files];
    const text = event.clipboardData.getData("text/plain");
    if (files.length) take(files);
    else if (text.trim()) takeText(text);
  });
}

export function wireChoices(take, takeText) {
  for (const [button, input] of [["choose-files", "files"], ["choose-folder", "folder"]]) {
    at(button).addEventListener("click", () => at(input).click());
    at(input).addEventListener("change", () => { take([...at(input).files]); at(input).value = ""; });
  }
  const togglePaste = (isOpen) => {
    at("paste-form").hidden = !isOpen;
    at("paste").setAttribute("aria-expanded", String(isOpen));
    (isOpen ? at("text") : at("paste")).focus();
  };
  at("paste").addEventListener("click", () => togglePaste(at("paste-form").hidden));
  at("paste-close").addEventListener("click", () => togglePaste(false));
  at("paste-form").addEventListener("submit", (event) => {
    event.preventDefault();
    takeText(at("text").value);
    at("text").value = "";
    togglePaste(false);
  });
}
