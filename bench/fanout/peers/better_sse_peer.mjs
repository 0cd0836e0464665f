// better-sse as its users write it: a channel, and a broadcast to it.

import { createServer } from "node:http";
import { createChannel, createSession } from "better-sse";
import { onPost } from "./posts.mjs";

const channel = createChannel();
const post = onPost((event) => channel.broadcast(event));

createServer(async (request, response) => {
  if (request.method === "POST") {
    post(request, response);
    return;
  }
  channel.register(await createSession(request, response));
}).listen(Number(process.argv[2]), "127.0.0.1", 4096);
