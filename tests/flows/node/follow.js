// Follows a user's stream with a client from npm, is cut once, and comes back by itself. One JSON object a line.
// node follow.js <socket.io|eventsource> <url> <frames until the cut>
import { EventSource } from "eventsource";
import { io } from "socket.io-client";

const [, , kind, url, stay] = process.argv;
let cursor;
let left = Number(stay);

function take(frame, cut) {
  cursor = frame.event_id;
  console.log(JSON.stringify(frame));
  if (frame.type !== "snapshot" && --left === 0) cut();
}

function followSocket(transports) {
  const socket = io(url, { transports, auth: (answer) => answer({ after: cursor }), reconnectionDelay: 100 });
  // Not from within a handler: what had come by then would be kept back, and told once more after the reconnect.
  const cut = () => setTimeout(() => socket.io.engine.close());
  for (const name of ["document_status", "workspace_status", "job_event"]) {
    socket.on(name, (frame) => take(frame, cut));
  }
  socket.on("connect_error", (error) => console.error(error.message));
}

function followStream() {
  let cutStream = () => {};
  const cuttable = async (where, init) => {
    const answer = await fetch(where, init);
    const through = new TransformStream({ start: (control) => (cutStream = () => control.error(new Error("cut"))) });
    return { body: answer.body.pipeThrough(through), url: answer.url, status: answer.status,
      redirected: answer.redirected, headers: answer.headers };
  };
  const source = new EventSource(`${url}/events`, { fetch: cuttable });
  source.onmessage = (event) => take(JSON.parse(event.data), () => cutStream());
}

if (kind === "eventsource") followStream();
else followSocket(kind === "socket.io polling" ? ["polling"] : ["websocket"]);
