/**
 * A program for `mode: exec`: a script of Node that knows NATS' own client and nothing of narun. `act` is code that runs for
 * each request with `message`, `body`, `headers` and `answer(text, fields)`.
 */
import { fileURLToPath } from "node:url";

const packageFile = fileURLToPath(new URL("../../package.json", import.meta.url));

export interface ProgramText {
  /** Code before the connection. */
  before?: string;
  /** The name of the service, as an expression. */
  name?: string;
  /** Code for each request. */
  act?: string;
  /** Code after the registration. */
  after?: string;
}

const ANSWER = `answer(JSON.stringify({ method: headers["X-Original-Method"], path: headers["X-Original-Path"], body, env: process.env }));`;

export function programSource({
  before = "",
  name = "process.env.NARUN_APP_NAME",
  act = ANSWER,
  after = "",
}: ProgramText = {}): string {
  return `#!${process.execPath}
const require = (await import("node:module")).createRequire(${JSON.stringify(packageFile)});
const { connect, headers: createHeaders } = require("@nats-io/transport-node");
const { Svcm } = require("@nats-io/services");
${before}
const nats = await connect({ servers: process.env.NATS_URL });
const name = ${name};
const service = await new Svcm(nats).add({ name, version: "1.2.3", metadata: { own: "fact" } });
service.addEndpoint("handler", {
  subject: name,
  async handler(error, message) {
    const body = message.string();
    const headers = Object.fromEntries([...(message.headers ?? [])].map(([key, values]) => [key, values.join(", ")]));
    const answer = (text, fields = {}) => {
      const reply = createHeaders();
      for (const [key, value] of Object.entries(fields)) reply.set(key, value);
      message.respond(text, { headers: reply });
    };
    ${act}
  },
});
${after}
`;
}
