// What people are told beside the rows: notices, toasts, and the words for those who listen.

import { count, element, tell } from "./api.js";

const TOAST_TOGETHER = 1_500;
const TOAST_STAYS = 6_000;
const TOLD = "headrace.told";
let ready = [];

export const at = (id) => document.getElementById(id);

export function announce(text) {
  at("live").textContent = text;
}

/** Once for each job, whichever tabs are open; those that come together are told together. */
export function toast(job, name) {
  const told = stored(TOLD);
  if (told.includes(job.id)) return;
  localStorage.setItem(TOLD, JSON.stringify([...told.slice(-200), job.id]));
  ready.push(name);
  if (ready.length > 1) return;
  setTimeout(() => {
    const names = ready.map((one) => one());
    ready = [];
    const node = element("p", "toast");
    node.append(element("b", "", "Resource Ready!"), ` ${names.length > 2 ? count(names.length, "document") : names.join(" and ")}`);
    at("toasts").append(node);
    setTimeout(() => node.remove(), TOAST_STAYS);
  }, TOAST_TOGETHER);
}

export function note(text, kind = "info") {
  at("notice").hidden = !text;
  at("notice").dataset.kind = kind;
  tell(at("notice"), text);
}

export function complain(error) {
  note(typeof error === "string" ? error : error.message, "bad");
}

export function stored(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "[]");
  } catch {
    return [];
  }
}
