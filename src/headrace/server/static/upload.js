// Files and texts on their way in. Nothing is read here: the browser streams files by itself.

import { refusal } from "./api.js";

export const FILES_PER_JOB = 1000;
export const SEPARATE_FILES = 10;
const UNREADABLE = /\.(png|jpe?g|gif|webp|bmp|tiff?|ico|mp[34]|m4a|wav|ogg|flac|mov|avi|mkv|webm|zip|gz|bz2|xz|7z|rar|tar|exe|dll|so|dylib|bin|iso|dmg|woff2?|ttf|otf|class|pyc|db|sqlite)$/i;

/** Sorts files into those to send and those left out, with the reason. */
export function sorted(files) {
  const kept = [];
  const skipped = [];
  for (const file of files) {
    const path = file.webkitRelativePath || file.path || file.name;
    const reason = reasonToSkip(file, path);
    if (reason) skipped.push({ name: path, reason });
    else kept.push(file);
  }
  return { kept, skipped };
}

function reasonToSkip(file, path) {
  if (path.split("/").some((part) => part.startsWith("."))) return "hidden";
  if (file.size === 0) return "empty";
  if (UNREADABLE.test(file.name) || /^(image|audio|video|font)\//.test(file.type)) return "not a document";
  return "";
}

/** A few files are a job each; many are one job, or as many as requests may have to be. */
export function inJobs(files) {
  if (files.length <= SEPARATE_FILES) return files.map((file) => [file]);
  const lots = [];
  for (let start = 0; start < files.length; start += FILES_PER_JOB) lots.push(files.slice(start, start + FILES_PER_JOB));
  return lots;
}

/** Everything that was dropped, folders opened. */
export async function dropped(transfer) {
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry?.());
  if (!entries.length || entries.some((entry) => !entry)) return [...transfer.files];
  const found = await Promise.all(entries.map((entry) => below(entry)));
  return found.flat();
}

async function below(entry, folder = "") {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [Object.assign(file, { path: folder + file.name })];
  }
  const reader = entry.createReader();
  const inside = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    inside.push(...some);
  }
  return (await Promise.all(inside.map((one) => below(one, `${folder}${entry.name}/`)))).flat();
}

/** Sends one job's files; `key` makes a repeat of the same upload the same job. */
export function send(files, key, onProgress) {
  const form = new FormData();
  for (const file of files) form.append("file", file, file.name);
  return post("ingest/async", form, key, {}, onProgress);
}

export function sendText(text, key, onProgress) {
  const body = JSON.stringify({ text_content: text });
  return post("ingest/text/async", body, key, { "content-type": "application/json" }, onProgress);
}

// fetch() cannot tell how much of a body has been sent; this can.
function post(path, body, key, headers, onProgress) {
  const request = new XMLHttpRequest();
  const answer = new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => event.total && onProgress(event.loaded / event.total);
    request.onload = () => (request.status < 300 ? resolve(JSON.parse(request.responseText)) : reject(refusal(request.status, request.responseText)));
    request.onerror = () => reject(refusal(0, '{"detail": "The connection broke before everything was sent."}'));
    request.onabort = () => reject(refusal(0, '{"detail": "Stopped before everything was sent."}'));
    request.open("POST", path);
    request.setRequestHeader("Idempotency-Key", key);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.send(body);
  });
  return { answer, stop: () => request.abort() };
}

/** A random UUID; `crypto.randomUUID` is missing where the page came over plain HTTP from another machine. */
export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
