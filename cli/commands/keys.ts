import { join } from "node:path";
import { IdentitySchema, LabelSchema, RecipientSchema } from "../../contracts/index.ts";
import {
  askedKeys,
  dismissKey,
  enrolKey,
  grantLabel,
  initKeys,
  type KeyPlace,
  newKey,
  readKeys,
  renewKeys,
  restoreKeys,
  revokeLabel,
  rotateLabel,
} from "../../keys/index.ts";
import { type CommandContext, defineCommand } from "../command/define-command.ts";
import { machineName } from "../options/node.ts";
import { asText, list, toggle, value } from "../options/option.ts";
import { dataDir, KEYS_FOLDER, keysDir, keysPassphrase } from "../options/storage.ts";
import { oneOf, parseLife, wrongUse } from "../options/values.ts";
import { showDirectory, showKey } from "../output/keys.ts";

const network = value({
  flag: "--network <fingerprint>",
  help: "new: the network, as `narun keys ls` shows it where its root is",
  fallbackHelp: "that of the root whose key file is here",
  parse: asText,
});
const fingerprint = value({
  flag: "--fingerprint <text>",
  help: "enrol: the fingerprint that `narun keys new` printed",
  parse: asText,
});
const services = list({
  flag: "--service <name>",
  help: "enrol: a service that the node may run",
  fallbackHelp: "all",
  parse: (texts) => (texts.length === 0 ? undefined : [...texts]),
});
const history = toggle({ flag: "--history", help: "grant: older data too" });
const valid = value({
  flag: "--valid <time>",
  help: "init, renew: how long the directory may go without a new signature",
  fallbackHelp: "for ever",
  parse: parseLife,
});

const options = {
  ...{ network, fingerprint, services, history, valid },
  ...{ dataDir, keysDir, keysPassphrase },
};

export const keysCommand = defineCommand({
  usage: "keys <action> [names...]",
  says: "init, ls, new, enrol, dismiss, grant, revoke, rotate, renew, export",
  options,
  examples: [
    ["narun keys init", "a network: its root, and the key of this machine's node"],
    [
      "narun keys grant payments service:orders",
      "the function orders may read and write what is sealed for payments",
    ],
    ["narun keys revoke payments service:orders", "it reads nothing that is sealed from now on"],
    ["narun keys new node:n2 --keys /etc/narun/keys --network FINGERPRINT", "on another machine"],
    ["narun keys enrol node:n2 --fingerprint FINGERPRINT", "where the root is"],
  ],
  async run({ action, names }, context) {
    const run = ACTIONS[oneOf(NAMES)({ text: action, source: { kind: "flag", name: "narun keys" } })];
    await run(names, context);
  },
});

type Context = CommandContext<typeof options>;
type Action = (names: readonly string[], context: Context) => Promise<void>;

const NAMES = [
  ...["ls", "init", "new", "enrol", "dismiss", "grant", "revoke"],
  ...["rotate", "renew", "restore", "export"],
] as const as readonly ActionName[];
type ActionName = keyof typeof ACTIONS;

const ACTIONS = {
  async ls(_names, context) {
    const place = await placeOf(context);
    const { directory } = await readKeys(place);
    showDirectory(context.output, directory, await askedKeys(place));
  },
  async init([name = machineName()], context) {
    const { validMs } = { validMs: context.options.valid };
    const made = await initKeys(await placeOf(context), { node: name.replace(/^node:/, ""), validMs });
    if (context.output.isJson) return context.output.json(made);
    context.output.line(`network  ${context.output.colours.bold(made.network)}`);
    context.output.line(`root     ${made.rootFile}`);
    context.output.line(`node     ${made.node.identity}  ${made.node.file}`);
    context.output.note("Keep a copy of the root's key file at a safe place: it opens every label.");
  },
  async new([name], context) {
    const identity = parse(IdentitySchema, name, "new");
    showKey(
      context.output,
      await newKey(await placeOf(context), { identity, network: context.options.network }),
    );
  },
  async enrol([name], context) {
    const identity = parse(IdentitySchema, name, "enrol");
    const { fingerprint: expected, services: allowed } = context.options;
    if (expected === undefined)
      throw wrongUse("narun keys enrol needs --fingerprint: compare it at its place");
    const order = { identity, fingerprint: expected, ...(allowed && { services: allowed }) };
    tell(context, { enrolled: identity }, await enrolKey(await placeOf(context), order));
  },
  async dismiss([name], context) {
    const identity = parse(IdentitySchema, name, "dismiss");
    tell(context, { dismissed: identity }, await dismissKey(await placeOf(context), identity));
  },
  async grant([label, recipient], context) {
    const order = orderOf(label, recipient, "grant");
    const withHistory = context.options.history;
    tell(
      context,
      { granted: order.label },
      await grantLabel(await placeOf(context), { ...order, withHistory }),
    );
  },
  async revoke([label, recipient], context) {
    const order = orderOf(label, recipient, "revoke");
    tell(context, { revoked: order.label }, await revokeLabel(await placeOf(context), order));
  },
  async rotate([name], context) {
    const label = parse(LabelSchema, name, "rotate");
    tell(context, { rotated: label }, await rotateLabel(await placeOf(context), label));
  },
  async renew(_names, context) {
    tell(context, { renewed: "directory" }, await renewKeys(await placeOf(context), context.options.valid));
  },
  async restore(_names, context) {
    tell(context, { restored: "directory" }, await restoreKeys(await placeOf(context)));
  },
  async export(_names, context) {
    const { directory, text } = await readKeys(await placeOf(context));
    if (context.output.isJson) context.output.json({ directory, signed: text });
    else context.output.line(text);
  },
} satisfies Record<string, Action>;

async function placeOf({ options, connect }: Context): Promise<KeyPlace> {
  const path = options.keysDir ?? join(options.dataDir, KEYS_FOLDER);
  return { nats: await connect(), folder: { path, passphrase: options.keysPassphrase } };
}

/** Error: USAGE. */
function parse(
  schema: typeof IdentitySchema | typeof LabelSchema,
  text: string | undefined,
  action: string,
): string {
  if (text === undefined) throw wrongUse(`narun keys ${action} needs a name`);
  const parsed = schema.safeParse(text);
  if (parsed.success) return parsed.data;
  throw wrongUse(`${text}: ${parsed.error.issues[0]?.message ?? ""}`);
}

function orderOf(label: string | undefined, recipient: string | undefined, action: string) {
  if (label === undefined || recipient === undefined)
    throw wrongUse(`narun keys ${action} needs a label and a recipient: payments service:orders`);
  return { label: parse(LabelSchema, label, action), recipient: parse(RecipientSchema, recipient, action) };
}

function tell({ output }: Context, done: Record<string, string>, { version }: { version: number }): void {
  if (output.isJson) {
    output.json({ ...done, version });
    return;
  }
  const [[what, name] = ["", ""]] = Object.entries(done);
  output.line(`${output.colours.bold(name)}  ${what}`);
  output.note(`The directory of keys has version ${version}.`);
}
