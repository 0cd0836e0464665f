// The search box and the passages below it. What documents say is only ever set as text.

import { call, count, element } from "./api.js";

const COMMON = new Set(("a an and are as at be by can did do does for from had has have how i in is it its me my of on or our than that the their "
  + "them then there these this those to was we were what when where which who whom why will with you your").split(" "));
const SHOWN = 3;
const ASKED = 12;
const TYPING_PAUSE = 350;

export function begin(form, input, results, onError) {
  let running = null;
  let timer = 0;
  let shown = "";

  async function ask() {
    clearTimeout(timer);
    const question = input.value.trim();
    running?.abort();
    if (!question) return close();
    if (question === shown) return undefined;
    running = new AbortController();
    form.dataset.state = "busy";
    try {
      const answer = await call("POST", "query", { query: question, top_k: ASKED }, { signal: running.signal });
      shown = question;
      draw(results, answer, question);
    } catch (error) {
      if (error.name === "AbortError") return undefined;
      onError(error.message);
    }
    delete form.dataset.state;
    return undefined;
  }

  function close() {
    shown = "";
    results.hidden = true;
    results.replaceChildren();
    delete form.dataset.state;
  }

  form.addEventListener("submit", (event) => { event.preventDefault(); shown = ""; ask(); });
  input.addEventListener("input", () => {
    clearTimeout(timer);
    if (!input.value.trim()) close();
    else timer = setTimeout(ask, input.value.trim().length > 2 ? TYPING_PAUSE : 4 * TYPING_PAUSE);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { input.value = ""; close(); }
  });
}

function draw(results, answer, question) {
  const words = carrying(question);
  const hits = unlike(answer.results);
  const took = `${Math.round(answer.took_ms)} ms`;
  const head = element("p", "results-head", hits.length ? `${count(hits.length, "passage")} in ${took}` : "Nothing found. Try other words, or wait for a document to be ready.");
  results.replaceChildren(head, ...hits.slice(0, SHOWN).map((hit) => passage(hit, words)));
  if (hits.length > SHOWN) results.append(more(hits.slice(SHOWN), words));
  results.hidden = false;
}

function more(hits, words) {
  const button = element("button", "quiet", `Show ${hits.length} more`);
  button.type = "button";
  button.addEventListener("click", () => button.replaceWith(...hits.map((hit) => passage(hit, words))));
  return button;
}

/** A file that was sent twice answers twice; once is enough. */
function unlike(hits) {
  const seen = new Set();
  return hits.filter((hit) => !seen.has(hit.filename + hit.text) && seen.add(hit.filename + hit.text));
}

function passage(hit, words) {
  const card = element("article", "passage");
  const head = element("h3");
  head.append(element("span", "file", hit.filename));
  const page = hit.page ?? hit.metadata?.page;
  if (page) head.append(element("span", "page", `page ${page}`));
  const text = element("p");
  text.append(...marked(hit.text.replace(/\s+/g, " ").trim(), words));
  card.append(head, text);
  return card;
}

/** The beginnings of the words that carry a question, so that `sleeping` lights up for `sleeps`. */
function carrying(question) {
  const words = question.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return [...new Set(words.filter((word) => !COMMON.has(word)).map((word) => word.replace(/(?<=\p{L}{3})(?:ing|ed|es|s)$/u, "")))];
}

function marked(text, words) {
  if (!words.length) return [document.createTextNode(text)];
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])((?:${words.join("|")})[\\p{L}\\p{N}]*)`, "giu");
  return text.split(pattern).map((part, place) => (place % 2 ? element("mark", "", part) : document.createTextNode(part)));
}
