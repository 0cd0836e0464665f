// What is known of each job, folded from lists and frames. It never goes back and knows no document.

import { FINAL, STAGES } from "./api.js";

const ANEW = new Set(["job.received", "job.resumed"]);

export class Jobs {
  constructor(onChange, onEnd) {
    this.byId = new Map();
    this.onChange = onChange;
    this.onEnd = onEnd;
  }

  /** A job as GET /jobs tells it: the state as of its last event. */
  takeView(view) {
    this.#take(view.job_id, view.last_event_id, view, { attempt: view.attempt, waitingFor: view.waiting_for, createdAt: view.created_at, isPaused: view.status === "paused" });
  }

  /** One frame of the user's stream, or one job of its snapshot. */
  takeFrame(frame) {
    if (!frame.job_id || frame.stage === null) return;
    this.#take(frame.job_id, frame.event_id, frame, { createdAt: this.byId.get(frame.job_id)?.createdAt ?? frame.timestamp, waitingFor: null });
  }

  /** Something is asked of the server; shown until the log says that it has happened. */
  wish(jobId, wish) {
    const job = this.byId.get(jobId);
    if (job) this.onChange(Object.assign(job, { wish }));
  }

  #take(jobId, eventId, told, more) {
    const number = numberOf(eventId);
    const known = this.byId.get(jobId);
    if (known && number <= known.number) {
      if (number === known.number && more.waitingFor !== undefined) this.onChange(Object.assign(known, { waitingFor: more.waitingFor }));
      return;
    }
    const anew = !known || ANEW.has(told.type) || (more.attempt ?? 0) > known.attempt;
    const job = known ?? { id: jobId, attempt: 1, names: null, failures: null, wish: "", isPaused: false };
    const wasAlive = known !== undefined && !FINAL.has(known.stage);
    Object.assign(job, {
      number,
      stage: told.stage,
      share: anew ? told.progress : Math.max(job.share, told.progress),
      currentChunk: told.current_chunk,
      totalChunks: told.total_chunks,
      processed: told.processed_items,
      total: told.total_items,
      failed: told.failed_items,
      chunks: told.stats?.chunks ?? 0,
      eta: told.eta_seconds,
      message: told.error_message || told.message || "",
    }, more);
    if (told.type === "job.paused") job.isPaused = true;
    if (ANEW.has(told.type) || FINAL.has(told.stage)) job.isPaused = false;
    if (FINAL.has(job.stage) || told.type === "job.paused" || ANEW.has(told.type)) job.wish = "";
    if (anew && !FINAL.has(job.stage)) job.failures = null;
    this.byId.set(jobId, job);
    this.onChange(job);
    if (FINAL.has(job.stage)) this.onEnd(job, wasAlive);
  }
}

/** `4 of 10 chunks`; nothing while the whole is unknown. */
export function counter(job) {
  return job.totalChunks > 0 ? `${job.currentChunk ?? 0} of ${job.totalChunks} chunks` : "";
}

/** 0-5: how many of the working stages are behind. */
export function stagesDone(job) {
  const place = STAGES.indexOf(job.stage);
  return place < 0 ? STAGES.length : place;
}

function numberOf(eventId) {
  const found = /-(\d+)$/.exec(eventId ?? "");
  return found ? Number(found[1]) : 0;
}
