// One row for each job or upload. A row is made once and then only told what has changed.

import { FINAL, SIGNS, STAGES, count, element, size, tell, timeLeft } from "./api.js";
import { counter, stagesDone } from "./jobs.js";

const NAMES = { received: "Waiting", extracting: "Extracting", chunking: "Chunking", enriching: "Enriching", indexing: "Indexing", completed: "Ready", failed: "Failed", cancelled: "Cancelled" };

export class Row {
  /** `act(verb)` is called for cancel, retry, pause, resume and dismiss. */
  constructor(act) {
    this.node = element("li", "job");
    this.sign = element("span", "sign");
    this.sign.setAttribute("aria-hidden", "true");
    this.name = element("h3", "name");
    this.about = element("span", "about");
    this.badge = element("span", "badge");
    const head = element("div", "job-head");
    head.append(this.sign, this.name, this.about, this.badge);

    this.bar = element("div", "bar");
    this.bar.setAttribute("role", "progressbar");
    this.bar.setAttribute("aria-valuemin", "0");
    this.bar.setAttribute("aria-valuemax", "100");
    this.bar.append(element("i"));

    this.steps = element("ol", "steps");
    this.steps.setAttribute("aria-hidden", "true");
    this.steps.append(...STAGES.map((stage) => element("li", "", `${SIGNS[stage]} ${stage}`)));

    this.facts = element("p", "facts");
    this.actions = element("div", "actions");
    this.buttons = Object.fromEntries(["pause", "resume", "cancel", "retry", "dismiss"].map((verb) => [verb, this.#button(verb, act)]));
    const foot = element("div", "job-foot");
    foot.append(this.facts, this.actions);
    this.failures = element("ul", "failures");
    this.failures.hidden = true;
    this.node.append(head, this.bar, this.steps, foot, this.failures);
  }

  #button(verb, act) {
    const button = element("button", "quiet", verb[0].toUpperCase() + verb.slice(1));
    button.type = "button";
    button.hidden = true;
    button.addEventListener("click", () => act(verb));
    this.actions.append(button);
    return button;
  }

  /** Bytes on their way, or stopped. */
  drawUpload(upload) {
    const state = upload.error ? "failed" : "uploading";
    this.#draw({
      state, sign: upload.error ? SIGNS.failed : "📤", name: upload.name, about: upload.about, share: upload.share,
      badge: upload.error ? "Not sent" : "Sending", done: 0, verbs: upload.error ? ["retry", "dismiss"] : ["cancel"],
      facts: upload.error ? [] : [`${Math.floor(upload.share * 100)} % of ${size(upload.bytes)}`, "keep this tab open"],
      reasons: upload.error ? [["", upload.error]] : [],
    });
  }

  drawJob(job, isMine) {
    const isOver = FINAL.has(job.stage);
    const state = job.isPaused ? "paused" : isOver || job.stage === "received" ? job.stage : "running";
    this.#draw({
      state, sign: SIGNS[job.stage] ?? "", name: job.names?.title ?? "…", about: job.names?.about ?? "", share: job.share,
      badge: job.wish || (job.isPaused ? "Paused" : job.stage === "completed" && job.failed ? `${job.failed} failed` : NAMES[job.stage]),
      done: stagesDone(job), verbs: verbsFor(job, isOver), isBusy: Boolean(job.wish), facts: isOver ? endFacts(job) : liveFacts(job, isMine),
      reasons: reasonsOf(job),
    });
    this.node.dataset.failed = String(isOver && job.failed > 0);
  }

  #draw({ state, sign, name, about, share, badge, done, verbs, isBusy, facts, reasons }) {
    const percent = Math.floor(share * 1000) / 10;
    const whole = Math.floor(percent);
    this.node.dataset.state = state;
    tell(this.sign, sign);
    tell(this.name, name);
    this.name.title = name;
    tell(this.about, about);
    tell(this.badge, badge);
    this.bar.style.setProperty("--share", String(share));
    this.bar.setAttribute("aria-label", name);
    this.bar.setAttribute("aria-valuenow", String(whole));
    this.bar.setAttribute("aria-valuetext", [badge, `${whole} %`, ...facts].filter(Boolean).join(", "));
    [...this.steps.children].forEach((step, place) => { step.dataset.state = place < done ? "done" : place === done ? "now" : "next"; });
    const isMoving = state !== "uploading" && state !== "completed" && state !== "failed";
    tell(this.facts, [isMoving ? `${whole} %` : "", ...facts].filter(Boolean).join(" · "));
    for (const [verb, button] of Object.entries(this.buttons)) {
      button.hidden = !verbs.includes(verb);
      button.disabled = Boolean(isBusy);
      button.setAttribute("aria-label", `${button.textContent} ${name}`);
    }
    this.#drawReasons(reasons);
  }

  #drawReasons(reasons) {
    const text = JSON.stringify(reasons);
    if (this.reasons === text) return;
    this.reasons = text;
    this.failures.hidden = !reasons.length;
    this.failures.replaceChildren(...reasons.map(([file, why]) => {
      const line = element("li");
      if (file) line.append(element("b", "", file), " ");
      line.append(why);
      return line;
    }));
  }
}

function verbsFor(job, isOver) {
  if (isOver) return job.stage !== "cancelled" && (job.failed || job.stage === "failed") ? ["retry", "dismiss"] : ["dismiss"];
  return [job.isPaused ? "resume" : "pause", "cancel"];
}

function liveFacts(job, isMine) {
  return [
    job.total > 1 ? `${job.processed} of ${job.total} documents` : "", counter(job),
    job.failed ? `${job.failed} failed` : "", job.isPaused ? "" : timeLeft(job.eta), job.waitingFor ?? "",
    isMine ? "you may close this tab" : "",
  ];
}

function endFacts(job) {
  if (job.stage !== "completed") return [];
  const ready = job.total - job.failed;
  return [job.total > 1 ? `${ready} of ${job.total} documents` : "", count(job.chunks, "chunk"), "ready to be asked"];
}

function reasonsOf(job) {
  if (!FINAL.has(job.stage) || job.stage === "cancelled") return [];
  if (job.failures?.length) return job.failures.map((one) => [one.filename, one.reason]);
  return job.stage === "failed" && job.message ? [["", job.message]] : [];
}
