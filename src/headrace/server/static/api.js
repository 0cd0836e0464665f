// The HTTP API, by relative addresses so that it works under any root path.

export const SIGNS = {
  received: "📥", extracting: "🔍", chunking: "✂️", enriching: "✨", indexing: "🗂️",
  completed: "✅", failed: "❌", cancelled: "🚫",
};
export const STAGES = ["received", "extracting", "chunking", "enriching", "indexing"];
export const FINAL = new Set(["completed", "failed", "cancelled"]);

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export async function call(method, path, body, options = {}) {
  const headers = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The server does not answer.");
  }
  const text = await answer.text();
  if (!answer.ok) throw refusal(answer.status, text);
  return text ? JSON.parse(text) : {};
}

/** What a problem+json body says, or something plain where a proxy answered instead. */
export function refusal(status, text) {
  try {
    return new Refused(status, JSON.parse(text).detail || `The server answered ${status}.`);
  } catch {
    return new Refused(status, `The server answered ${status}.`);
  }
}

export function size(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;
  let value = bytes;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

export function timeLeft(seconds) {
  if (typeof seconds !== "number") return "";
  if (seconds < 60) return `about ${Math.max(1, Math.round(seconds))} s left`;
  if (seconds < 3600) return `about ${Math.round(seconds / 60)} min left`;
  return `about ${(seconds / 3600).toFixed(1)} h left`;
}

/** A new element with text, never markup. */
export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Writes only what differs, so that a selection and a screen reader's place survive. */
export function tell(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
