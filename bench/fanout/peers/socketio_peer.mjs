// socket.io for Node as its users write it: everyone in a room, and an emit to the room.

import { createServer } from "node:http";
import { Server } from "socket.io";
import { onPost } from "./posts.mjs";

const http = createServer(onPost((event) => io.to("user_local").emit("job_event", event)));
const io = new Server(http);
io.on("connection", (socket) => socket.join("user_local"));
http.listen(Number(process.argv[2]), "127.0.0.1", 4096);
