/**
 * The first process of a program without a network: it carries connections to NATS from a port of the program's own loopback
 * to the door's socket, starts the program, hands its signals on, and ends as it ends.
 */
const RELAY = `
const { createConnection, createServer } = require("node:net");
const { spawn } = require("node:child_process");
const [socket, port, file, ...args] = process.argv.slice(1);
const server = createServer((program) => {
  const door = createConnection(socket);
  program.pipe(door).pipe(program);
  for (const one of [program, door]) one.on("error", () => { program.destroy(); door.destroy(); });
});
server.listen(Number(port), "127.0.0.1", () => {
  const child = spawn(file, args, { stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => { console.error(error.message); process.exit(127); });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
});`;

/** The port of NATS inside. The network is the program's own, so it is free. */
export const RELAY_PORT = 4222;

/** The command line before a program's own. It shares the program's environment. */
export function relayTo(socket: string): string[] {
  return [process.execPath, "--eval", RELAY, "--", socket, String(RELAY_PORT)];
}
