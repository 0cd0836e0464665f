// One EventSource for all of the user's jobs. It resumes by itself, is opened again when the browser gives up, and where
// streams are blocked altogether the list is polled instead.

import { call } from "./api.js";

const LONGEST_PAUSE = 15_000;
const POLL_EVERY = 2_000;
const OPENINGS_BEFORE_POLLING = 3;

export class Stream {
  /** `onState(state, text)`: live, lost, polling or refused. `onReset` when earlier knowledge is void. */
  constructor({ onFrame, onState, onSnapshot, poll }) {
    Object.assign(this, { onFrame, onState, onSnapshot, poll });
    this.after = null;
    this.failures = 0;
    this.wasOpen = false;
    this.timer = 0;
    this.polling = 0;
    addEventListener("online", () => this.now());
    document.addEventListener("visibilitychange", () => { if (!document.hidden && this.timer) this.now(); });
  }

  open() {
    this.timer = 0;
    const source = new EventSource(this.after ? `events?after=${encodeURIComponent(this.after)}` : "events");
    this.source = source;
    source.onopen = () => this.#opened();
    source.onmessage = (event) => this.#heard(event);
    source.onerror = () => (source.readyState === EventSource.CLOSED ? this.#closed(source) : this.#interrupted());
  }

  /** Do not wait for the pause to end. */
  now() {
    if (!this.timer) return;
    clearTimeout(this.timer);
    this.open();
  }

  #opened() {
    this.failures = 0;
    this.wasOpen = true;
    clearInterval(this.polling);
    this.polling = 0;
    this.onState("live", "Live");
  }

  #heard(event) {
    if (event.lastEventId) this.after = event.lastEventId;
    const frame = JSON.parse(event.data);
    if (frame.type === "reset") this.after = null;
    else if (frame.type === "snapshot") this.onSnapshot(frame);
    else this.onFrame(frame);
  }

  #interrupted() {
    if (!this.polling) this.onState("lost", "Reconnecting");
  }

  async #closed(source) {
    source.close();
    this.failures += 1;
    if (await this.#isRefused()) return;
    const pause = Math.min(LONGEST_PAUSE, 500 * 2 ** this.failures) * (0.5 + Math.random() / 2);
    this.timer = setTimeout(() => this.open(), pause);
    if (!this.wasOpen && this.failures >= OPENINGS_BEFORE_POLLING) this.#pollInstead();
    else if (!this.polling) this.onState("lost", `Reconnecting in ${Math.max(1, Math.round(pause / 1000))} s`);
  }

  /** An EventSource keeps the status to itself; ask a plain route whether coming again makes sense. */
  async #isRefused() {
    try {
      await call("GET", "jobs/stats");
    } catch (error) {
      if (error.status === 401 || error.status === 403) {
        this.onState("refused", "Not signed in");
        return true;
      }
    }
    return false;
  }

  #pollInstead() {
    if (this.polling) return;
    const look = () => this.poll().then(() => this.onState("polling", "Polling"), () => this.onState("lost", "No server"));
    this.polling = setInterval(look, POLL_EVERY);
    look();
  }
}
