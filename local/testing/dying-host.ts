/**
 * A host that answers all requests at once when it gets SIGUSR2, and dies: `node dying-host.ts PATH MACHINE COUNT`. It prints a
 * line when it listens, and another when COUNT requests have come.
 */
import { createServer } from "node:net";
import { FrameBatch, FrameSplitter, SOCKET_VERSION, socketFrames } from "../../contracts/index.ts";

const [path = "", machine = "", count = ""] = process.argv.slice(2);

createServer((socket) => {
  const batch = new FrameBatch();
  const flush = () => socket.write(Buffer.concat(batch.take()));
  const numbers: number[] = [];
  const splitter = new FrameSplitter((type, number) => {
    if (type === socketFrames.hello) {
      batch.hello(JSON.stringify({ version: SOCKET_VERSION, machine }));
      flush();
    } else if (numbers.push(number) === Number(count)) process.stdout.write("asked\n");
    return true;
  });
  socket.on("data", (bytes) => splitter.push(bytes as Buffer));
  process.once("SIGUSR2", () => {
    for (const number of numbers) batch.response(number, 200, "", "x".repeat(100));
    flush();
    process.kill(process.pid, "SIGKILL");
  });
}).listen(path, () => process.stdout.write("listening\n"));
