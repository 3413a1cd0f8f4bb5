// As much of websocat as the README uses: each line of the input is a text frame, each frame is printed, the end of the input closes.

import { createInterface } from "node:readline";
import WebSocket from "ws";

const socket = new WebSocket(process.argv[2]);
socket.onmessage = ({ data }) => console.log(data);
socket.onerror = ({ message }) => {
  console.error(`websocat: ${message}`);
  process.exitCode = 1;
};
socket.onclose = ({ code, reason }) => {
  if (code !== 1000) console.error(`websocat: closed with ${code} ${reason}`);
  process.exit();
};
socket.onopen = async () => {
  for await (const line of createInterface({ input: process.stdin })) socket.send(line);
  socket.close(1000);
};
