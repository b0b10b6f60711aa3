import { readFile } from "node:fs/promises";
import { formatBytes } from "../../builder/index.ts";
import {
  formatYamlIssues,
  messageOf,
  NarunError,
  parseServiceFile,
  type ServiceSpec,
} from "../../contracts/index.ts";
import { type DeployResult, deployProgram, findNodes, openProgram } from "../../control/index.ts";
import type { Nats } from "../../nats/index.ts";
import { type CommandContext, defineCommand } from "../command/define-command.ts";
import { asText, list, value } from "../options/option.ts";
import { parseWait, wrongUse, wrongValue } from "../options/values.ts";
import type { Output } from "../output/output.ts";

/** The node that the original toolkit deploys to by default. */
const DEFAULT_NODE = "local";

const deployOptions = {
  serviceFile: value({
    flag: "--config <file>",
    help: "the service's spec, YAML; --name, --tag, --node and --replicas do not count then",
    parse: asText,
  }),
  binary: list({
    flag: "--binary <file>",
    help: "a program or a script, as the arguments; may be given more than once, for several systems",
    parse: (texts) => texts,
  }),
  serviceName: value({ flag: "--name <name>", help: "the service's name", parse: asText }),
  tag: value({ flag: "--tag <tag>", help: "the version of the files", parse: asText }),
  targetNode: value({
    flag: "--node <name>",
    help: "the node that runs it",
    fallbackHelp: `${DEFAULT_NODE}, or the only node that runs`,
    parse: asText,
  }),
  replicas: value({
    flag: "--replicas <number>",
    help: "how many instances the node runs",
    fallback: "1",
    parse: (given) => {
      if (/^[1-9]\d{0,2}$/.test(given.text)) return Number(given.text);
      throw wrongValue(given, "a number from 1 to 999");
    },
  }),
  deployTimeout: value({
    flag: "--timeout <duration>",
    help: "how long the deployment may take",
    fallbackHelp: "no bound",
    parse: parseWait,
  }),
};

type Context = CommandContext<typeof deployOptions>;

export const deployCommand = defineCommand({
  usage: "deploy [binary...]",
  says: "store programs of any language, and make them live as a service",
  options: deployOptions,
  takesSingleDashes: true,
  examples: [
    ["narun deploy --config hello.yaml ./hello-amd64 ./hello-arm64", "for the nodes that its spec names"],
    ["narun deploy --name hello --tag v1 ./hello", "one instance on the only node"],
  ],
  async run({ binary: given }, { options, settings, output, connect }) {
    const paths = [...options.binary, ...given];
    const [written, programs] = await Promise.all([
      readSpec(options.serviceFile),
      Promise.all(paths.map(openProgram)),
    ]);
    const nats = await connect();
    const spec = written ?? (await specOfFlags(nats, options));
    if (written !== undefined) noteIgnored(output, settings);
    const progress = output.progress(`deploying ${spec.name}`);
    const { deployTimeout } = options;
    const signal = deployTimeout === undefined ? undefined : AbortSignal.timeout(deployTimeout);
    const result = await deployProgram(nats, {
      spec,
      programs,
      ...(signal && { signal }),
      onUpload: (object, bytes) => progress.update(`storing ${object}, ${formatBytes(bytes)}`),
    })
      .catch((error: unknown) => {
        if (signal?.aborted !== true || error !== signal.reason) throw error;
        throw new NarunError("DEPLOY_TIMEOUT", { detail: `${spec.name}: ${deployTimeout} ms are over` });
      })
      .finally(() => progress.end());
    if (output.isJson) return output.json(result);
    show(output, result);
  },
});

/** The spec that the file has. Error: SERVICE_FILE_INVALID, with every issue. */
async function readSpec(file: string | undefined): Promise<ServiceSpec | undefined> {
  if (file === undefined) return undefined;
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw new NarunError("SERVICE_FILE_INVALID", { detail: messageOf(error) }, { cause: error });
  });
  const parsed = parseServiceFile(text);
  if (parsed.ok) return parsed.value;
  throw new NarunError("SERVICE_FILE_INVALID", { detail: `${file}\n${formatYamlIssues(parsed.issues)}` });
}

async function specOfFlags(
  nats: Nats,
  { serviceName, tag, targetNode, replicas }: Context["options"],
): Promise<ServiceSpec> {
  if (serviceName === undefined) throw wrongUse("narun deploy needs --name, or a spec by --config");
  if (tag === undefined)
    throw wrongUse("narun deploy needs --tag, the version of the files, or a spec by --config");
  const node = targetNode ?? (await defaultNode(nats));
  const text = JSON.stringify({ name: serviceName, tag, mode: "exec", nodes: [{ name: node, replicas }] });
  const parsed = parseServiceFile(text);
  if (parsed.ok) return parsed.value;
  throw wrongUse(parsed.issues.map(({ key, message }) => `${key}: ${message}`).join("; "));
}

async function defaultNode(nats: Nats): Promise<string> {
  const nodes = (await findNodes(nats)).filter(({ isLost }) => !isLost).map(({ state }) => state.node_id);
  const [only, ...others] = nodes;
  return only === undefined || others.length > 0 ? DEFAULT_NODE : only;
}

function noteIgnored(output: Output, settings: Context["settings"]): void {
  const { serviceName, tag, targetNode, replicas } = settings;
  const sources = [serviceName, tag, targetNode, replicas].flatMap(({ given }) => given?.source ?? []);
  const ignored = sources.filter(({ kind }) => kind === "flag").map(({ name }) => name);
  if (ignored.length > 0) output.note(`The spec of --config counts, and not ${ignored.join(", ")}.`);
}

function show(output: Output, result: DeployResult): void {
  const { bold, dim, yellow } = output.colours;
  const places = result.nodes.map(({ name, replicas }) => (replicas === 1 ? name : `${replicas} on ${name}`));
  const state = result.unchanged ? dim("unchanged") : "deployed";
  output.line(`${bold(result.name)}  ${result.tag}  ${state}  ${places.join(", ") || dim("no node")}`);
  for (const { os, arch, object, size, uploaded } of result.binaries) {
    output.line(dim(`  ${os}/${arch}  ${object}  ${formatBytes(size)}${uploaded ? "" : "  stored before"}`));
  }
  for (const { node, platform } of result.unsupported) {
    output.note(
      yellow(`The node ${node} is ${platform}, and no file is for that: it cannot start ${result.name}.`),
    );
  }
  for (const { node, meant } of result.absent) {
    const advice = meant === undefined ? "`narun nodes` shows the nodes." : `Did you mean ${meant}?`;
    output.note(yellow(`No node ${node} runs now. ${advice}`));
  }
}
