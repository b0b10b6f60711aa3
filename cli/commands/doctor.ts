import type { Command } from "commander";
import { messageOf } from "../../contracts/index.ts";
import { connectNats, discoverServices, findNatsServer, openNodeStates } from "../../nats/index.ts";
import { createOutput } from "../output.ts";
import { type CommonOptions, findGatewayUrl, resolveNats } from "../session.ts";

interface Check {
  check: string;
  ok: boolean;
  found: string;
}

export function addDoctorCommand(program: Command): void {
  program
    .command("doctor")
    .description("look at what narun needs on this machine, and what of it is there")
    .action(async (_options: object, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions>();
      const output = createOutput(options);
      const checks = [checkNode(), await checkServer(), ...(await checkSystem(options))];
      if (checks.some(({ ok }) => !ok)) process.exitCode = 1;
      if (output.isJson) return output.json(checks);
      const { green, red } = output.colours;
      output.table(
        [
          { title: "CHECK", value: (row) => row.check },
          {
            title: "",
            value: (row) => (row.ok ? "ok" : "no"),
            colour: (text, row) => (row.ok ? green : red)(text),
          },
          { title: "FOUND", value: (row) => row.found },
        ],
        checks,
      );
    });
}

function checkNode(): Check {
  const { node } = process.versions;
  return { check: "Node 24 or newer", ok: Number(node.split(".")[0]) >= 24, found: node };
}

async function checkServer(): Promise<Check> {
  const check = "nats-server 2.14 or newer";
  return findNatsServer({ fetchers: [] }).then(
    ({ path, version }): Check => ({ check, ok: true, found: `${version} at ${path}` }),
    (): Check => ({ check, ok: true, found: "none yet; narun up fetches one" }),
  );
}

async function checkSystem(options: CommonOptions): Promise<Check[]> {
  try {
    const nats = await connectNats({ ...resolveNats(options), name: "narun doctor" });
    try {
      const nodes = await (await openNodeStates(nats)).list();
      const gatewayUrl = await findGatewayUrl(nats);
      const services = await discoverServices(nats);
      return [
        { check: "NATS reachable", ok: true, found: `${nats.serverVersion} at ${nats.url}` },
        { check: "a gateway", ok: gatewayUrl !== undefined, found: gatewayUrl ?? "none runs" },
        {
          check: "a node",
          ok: nodes.length > 0,
          found: nodes.map(({ key }) => key).join(", ") || "none runs",
        },
        { check: "services that answer", ok: true, found: String(services.length) },
      ];
    } finally {
      await nats.close();
    }
  } catch (error) {
    return [{ check: "NATS reachable", ok: false, found: messageOf(error) }];
  }
}
