// The page: puts what the other files do together.

import { FINAL, call, count, size, tell } from "./api.js";
import { Jobs } from "./jobs.js";
import { askForToken, begin as beginLogin } from "./login.js";
import { Row } from "./rows.js";
import { begin as beginSearch } from "./search.js";
import { Stream } from "./stream.js";
import { announce, at, complain, note, stored, toast } from "./tell.js";
import { inJobs, newKey, send, sendText, sorted } from "./upload.js";
import { wireChoices, wireDrop } from "./ways.js";

const DRAW_EVERY = 100;
const PAGE = 20;
const LOOK_AT_QUEUE_EVERY = 3_000;
const UPLOADS_AT_ONCE = 3;
const DISMISSED = "headrace.dismissed";

const rows = new Map();
const uploads = new Map();
const mine = new Set();
const waiting = [];
const dirty = new Set();
const quarters = new Map();
const dismissed = new Set(stored(DISMISSED));
let drawTimer = 0;
let lastDrawn = 0;
let older = null;
let sending = 0;
let afterUploads = "";

const jobs = new Jobs((job) => touch(job.id), ended);
const stream = new Stream({
  onFrame: (frame) => jobs.takeFrame(frame),
  onSnapshot: (frame) => { frame.jobs.forEach((job) => jobs.takeFrame(job)); catchUp(new Set(frame.jobs.map((job) => job.job_id))); },
  onState: (state, text) => { at("pill").dataset.state = state; tell(at("pill-text"), text); if (state === "refused") askForToken(); },
  poll: () => load(),
});

async function load(cursor) {
  const page = await call("GET", `jobs?limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
  page.jobs.filter(isShown).forEach((job) => jobs.takeView(job));
  if (cursor || older === null) older = page.next_cursor ?? "";
  at("older").hidden = !older;
  drawSoon();
}

/** Jobs that ended while nobody was listening are in no snapshot: ask for them. */
function catchUp(alive) {
  load().catch(complain);
  for (const job of jobs.byId.values()) {
    if (!FINAL.has(job.stage) && !alive.has(job.id)) call("GET", `jobs/${job.id}`).then((view) => jobs.takeView(view), () => undefined);
  }
}

/** No event tells that the line before a waiting job has become shorter. */
function lookAtQueue() {
  if (!document.hidden && [...jobs.byId.values()].some((job) => job.stage === "received")) load().catch(() => undefined);
}

function isShown(view) {
  return !dismissed.has(view.job_id) && view.total_items > 0;
}

async function learnNames(job) {
  job.names = { title: "…", about: "" };
  const page = await call("GET", `jobs/${job.id}/documents?limit=1`).catch(() => null);
  if (job.isNamed) return;
  const names = (page?.documents ?? []).map((one) => one.filename);
  const more = job.total - 1;
  job.names = { title: names[0] ?? job.message ?? "job", about: names.length && more > 0 ? `and ${more} more` : "" };
  touch(job.id);
}

async function learnFailures(job) {
  job.failures = [];
  let cursor = "";
  do {
    const page = await call("GET", `jobs/${job.id}/documents?limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`).catch(() => null);
    if (!page) break;
    job.failures.push(...page.documents.filter((one) => one.stage === "failed").map((one) => ({ filename: one.filename, reason: one.error_message ?? "no reason was given" })));
    cursor = page.next_cursor;
  } while (cursor && job.failures.length < 50);
  touch(job.id);
}

function ended(job, wasAlive) {
  if (job.failed || job.stage === "failed") {
    if (job.failures === null) learnFailures(job);
  }
  if (!wasAlive) return;
  const name = () => job.names?.title ?? "a document";
  if (job.stage === "completed") toast(job, name);
  announce(job.stage === "completed" ? `${name()} is ready` : `${name()} ${job.stage}`);
}

function touch(id) {
  dirty.add(id);
  const job = jobs.byId.get(id);
  if (job?.total && job.names === null) learnNames(job);
  if (job) quarter(job);
  drawSoon();
}

function drawSoon() {
  if (drawTimer) return;
  drawTimer = setTimeout(draw, Math.max(0, DRAW_EVERY - (performance.now() - lastDrawn)));
}

function draw() {
  drawTimer = 0;
  lastDrawn = performance.now();
  for (const id of dirty) drawOne(id);
  dirty.clear();
  summarise();
}

function drawOne(id) {
  const upload = uploads.get(id);
  const job = jobs.byId.get(id);
  if (!upload && (!job?.total || dismissed.has(id))) return; // a job without documents, as a workspace's own, has no row
  if (!rows.has(id) && !place(id, job)) return;
  if (upload) rows.get(id).drawUpload(upload);
  else rows.get(id).drawJob(job, mine.has(id));
}

/** Put a new row in, newest first. Under a pointer nothing moves: what others sent waits behind a button. */
function place(id, job) {
  const list = at("jobs");
  const isNewest = !list.firstElementChild || !job || id > list.firstElementChild.dataset.id;
  if (job && isNewest && !mine.has(id) && list.firstElementChild && list.matches(":hover")) {
    if (!waiting.includes(id)) waiting.push(id);
    showWaiting();
    return false;
  }
  const row = new Row((verb) => act(id, verb));
  row.node.dataset.id = id;
  rows.set(id, row);
  const after = job ? [...list.children].find((node) => !uploads.has(node.dataset.id) && node.dataset.id < id) : list.firstElementChild;
  list.insertBefore(row.node, after ?? null);
  return true;
}

function showWaiting() {
  at("newer").hidden = !waiting.length;
  tell(at("newer"), `${waiting.length} new ▲`);
}

function releaseWaiting() {
  waiting.splice(0).forEach((id) => touch(id));
  showWaiting();
}

function summarise() {
  const all = [...jobs.byId.values()].filter((job) => rows.has(job.id));
  const active = all.filter((job) => !FINAL.has(job.stage)).length + uploads.size;
  tell(at("summary"), active ? `${active} in progress` : all.length ? "all done" : "");
  document.body.dataset.busy = String(rows.size > 0);
  at("empty").hidden = rows.size > 0 || waiting.length > 0 || older === null;
  at("clear").hidden = !all.some((job) => job.stage === "completed" && !job.failed);
  document.title = active ? `(${active}) Headrace` : "Headrace";
}

function remove(id) {
  rows.get(id)?.node.remove();
  rows.delete(id);
  uploads.delete(id);
  drawSoon();
}

function quarter(job) {
  const reached = Math.floor(job.share * 4);
  const before = quarters.get(job.id);
  quarters.set(job.id, reached);
  if (before !== undefined && reached > before && reached < 4 && mine.has(job.id)) announce(`${job.names?.title ?? "document"} ${reached * 25} percent`);
}

function act(id, verb) {
  const upload = uploads.get(id);
  if (verb === "dismiss") return dismiss(id);
  if (upload) return verb === "cancel" ? upload.stop() : start(upload);
  jobs.wish(id, { cancel: "Cancelling…", retry: "Retrying…", pause: "Pausing…", resume: "Resuming…" }[verb]);
  return call("POST", `jobs/${id}/${verb}`).catch((error) => { jobs.wish(id, ""); complain(error); });
}

function dismiss(id) {
  dismissed.add(id);
  localStorage.setItem(DISMISSED, JSON.stringify([...dismissed].slice(-500)));
  remove(id);
}

function take(files) {
  const { kept, skipped } = sorted(files);
  const total = kept.reduce((sum, file) => sum + file.size, 0);
  const left = skipped.length ? `${count(skipped.length, "file")} left out: ${skipped.slice(0, 3).map((one) => `${one.name} (${one.reason})`).join(", ")}${skipped.length > 3 ? ", …" : ""}` : "";
  const what = `${count(kept.length, "file")} (${size(total)})`;
  afterUploads = [kept.length ? `${what} received. You may close this tab.` : "", left].filter(Boolean).join(" ");
  note([kept.length ? `Sending ${what}.` : "", left].filter(Boolean).join(" "), kept.length ? "info" : "bad");
  for (const lot of inJobs(kept)) {
    const bytes = lot.reduce((sum, file) => sum + file.size, 0);
    enqueue({ name: lot[0].name, about: lot.length > 1 ? `and ${lot.length - 1} more` : size(bytes), bytes, begin: (upload) => send(lot, upload.key, upload.onProgress) });
  }
}

function takeText(text) {
  const bytes = new Blob([text]).size;
  enqueue({ name: text.trim().slice(0, 60), about: "text", bytes, begin: (upload) => sendText(text, upload.key, upload.onProgress) });
}

function enqueue(upload) {
  Object.assign(upload, { id: `~${newKey()}`, key: newKey(), share: 0, error: "", isSending: false });
  upload.onProgress = (share) => { upload.share = Math.max(upload.share, share); touch(upload.id); };
  upload.stop = () => remove(upload.id);
  uploads.set(upload.id, upload);
  start(upload);
}

async function start(upload) {
  upload.error = "";
  touch(upload.id);
  if (sending >= UPLOADS_AT_ONCE) return;
  upload.isSending = true;
  sending += 1;
  const { answer, stop } = upload.begin(upload);
  upload.stop = () => { stop(); remove(upload.id); };
  try {
    arrived(upload, await answer);
  } catch (error) {
    upload.error = error.message;
    touch(upload.id);
  }
  upload.isSending = false;
  sending -= 1;
  const next = [...uploads.values()].find((one) => !one.isSending && !one.error);
  if (next) start(next);
  else if (!uploads.size && afterUploads) {
    note(afterUploads);
    afterUploads = "";
  }
}

/** The bytes are in: the upload's row becomes the job's, where it stands. */
async function arrived(upload, reply) {
  const row = rows.get(upload.id);
  uploads.delete(upload.id);
  rows.delete(upload.id);
  mine.add(reply.job_id);
  announce(`${upload.name} received`);
  if (row && !rows.has(reply.job_id)) {
    rows.set(reply.job_id, new Row((verb) => act(reply.job_id, verb)));
    rows.get(reply.job_id).node.dataset.id = reply.job_id;
    row.node.replaceWith(rows.get(reply.job_id).node);
  } else row?.node.remove();
  if (!jobs.byId.has(reply.job_id)) await call("GET", `jobs/${reply.job_id}`).then((view) => jobs.takeView(view), complain);
  const job = jobs.byId.get(reply.job_id);
  if (job) Object.assign(job, { names: { title: upload.name, about: upload.about }, isNamed: true });
  touch(reply.job_id);
}

function wireInbox() {
  at("older").addEventListener("click", () => load(older).catch(complain));
  at("newer").addEventListener("click", releaseWaiting);
  at("jobs").addEventListener("pointerleave", releaseWaiting);
  at("clear").addEventListener("click", () => [...jobs.byId.values()].filter((job) => job.stage === "completed" && !job.failed).forEach((job) => dismiss(job.id)));
  at("curl").textContent = `curl -F file=@report.pdf ${new URL("ingest", location.href).href}`;
  const lines = { demo: "headrace demo", curl: at("curl").textContent };
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => navigator.clipboard?.writeText(lines[button.dataset.copy]).then(() => tell(button, "Copied")));
  }
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, textarea")) return;
    event.preventDefault();
    at("question").focus();
  });
  setInterval(lookAtQueue, LOOK_AT_QUEUE_EVERY);
  addEventListener("beforeunload", (event) => { if (sending) event.preventDefault(); });
}

wireDrop(take, takeText);
wireChoices(take, takeText);
wireInbox();
beginLogin();
beginSearch(at("search"), at("question"), at("results"), complain);
load().catch(complain);
stream.open();
