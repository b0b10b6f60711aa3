import type { Nats } from "../../nats/index.ts";
import { outputOptions } from "../options/common.ts";
import { natsOptions } from "../options/nats.ts";
import type { Options } from "../options/option.ts";
import {
  type Environment,
  type Flags,
  resolveOptions,
  type Settings,
  type Values,
  valuesOf,
} from "../options/resolve.ts";
import { describeUnknownVariables } from "../options/variables.ts";
import { createOutput, type Output, type OutputOptions } from "../output/output.ts";

/** The options of every command. */
export const commonOptions = { ...natsOptions, ...outputOptions };

/** A command line, and a remark on it. */
export type Example = readonly [line: string, remark: string];

export interface CommandDefinition<Usage extends string, Declared extends Options> {
  /** The name and the arguments: `push [dir]`, `rollback <name>`, `up [dir...]`. */
  usage: Usage;
  /** One line of the help. */
  says: string;
  /** The command's own options, in the order of the help. */
  options: Declared;
  examples: readonly Example[];
  /** Options that the command does not declare are arguments. */
  takesUnknownOptions?: boolean;
  /** Long flags may have one dash, as in the original toolkit: `-config`. */
  takesSingleDashes?: boolean;
  run(args: ArgumentsOf<Usage>, context: CommandContext<Declared>): Promise<void> | void;
}

/** The surroundings of a command that runs. */
export interface CommandContext<Declared extends Options> {
  readonly options: Values<Declared>;
  /** The values with their sources; also of the options that every command has. */
  readonly settings: Settings<Declared & typeof commonOptions>;
  readonly environment: Environment;
  readonly output: Output;
  /** Connects to NATS. The connection closes when the command ends. */
  connect(): Promise<Nats>;
  /** Resolves another command line and does not run it. Without one: the options of all commands. */
  resolve(line: readonly string[]): Promise<ResolvedLine>;
}

/** Declared options and their settings. */
export interface ResolvedLine {
  declared: Options;
  settings: Settings<Options>;
}

/** A command whose types are erased, as the program handles it. */
export interface AnyCommand {
  readonly name: string;
  readonly usage: string;
  readonly says: string;
  readonly options: Options;
  readonly examples: readonly Example[];
  readonly takesUnknownOptions: boolean;
  readonly takesSingleDashes: boolean;
  start(start: CommandStart): Promise<void>;
}

export interface CommandStart {
  args: Readonly<Record<string, string | string[] | undefined>>;
  flags: Flags;
  environment: Environment;
  resolve: CommandContext<Options>["resolve"];
}

/** Declares a command. */
export function defineCommand<const Usage extends string, const Declared extends Options>(
  definition: CommandDefinition<Usage, Declared>,
): AnyCommand {
  const { usage, options, takesUnknownOptions = false, takesSingleDashes = false } = definition;
  const [name = ""] = usage.split(" ");
  return {
    ...definition,
    name,
    takesUnknownOptions,
    takesSingleDashes,
    async start({ args, flags, environment, resolve }) {
      const declared = { ...commonOptions, ...options };
      const settings = await resolveOptions(declared, flags, environment);
      const common = settings as Settings<typeof commonOptions>;
      const output = createOutput(outputOf(common));
      for (const remark of describeUnknownVariables(environment)) output.note(output.colours.yellow(remark));
      const connection = createConnection(common, name, output);
      const { connect } = connection;
      const values = valuesOf<Declared>(settings);
      const context = { options: values, settings, environment, output, connect, resolve };
      // The usage, as commander reads it, and its type name the same arguments.
      await connection.around(async () => definition.run(args as ArgumentsOf<Usage>, context));
    },
  };
}

/** How a result is written, out of the resolved options. */
export function outputOf({ json, quiet, noColour, terminal }: Settings<typeof outputOptions>): OutputOptions {
  const hasColours = noColour.value === undefined && terminal.value !== "dumb";
  return { json: json.value, quiet: quiet.value, hasColours };
}

/** The connection of a command, which most commands need and some do not. */
function createConnection(settings: Settings<typeof natsOptions>, name: string, output: Output) {
  let nats: Nats | undefined;
  let explain = (_nats: Nats, error: unknown) => error;
  return {
    async connect(): Promise<Nats> {
      // Imported late: commands that do not connect start faster.
      const module = await import("./connect.ts");
      explain = module.explainByNats;
      nats ??= await module.connect(settings, name, output);
      return nats;
    },
    /** Runs the command; closes the connection, if any, when it ends. */
    async around(work: () => Promise<void>): Promise<void> {
      try {
        await work();
      } catch (error) {
        throw nats === undefined ? error : explain(nats, error);
      } finally {
        await nats?.close();
      }
    },
  };
}

/** The arguments that a usage names: `<name>` is a text, `[dir]` may be absent, `[dir...]` is a list. */
type ArgumentsOf<Usage extends string> = Usage extends `${infer Word} ${infer Rest}`
  ? ArgumentOf<Word> & ArgumentsOf<Rest>
  : ArgumentOf<Usage>;

type ArgumentOf<Word extends string> = Word extends `<${infer Name}>`
  ? Readonly<Record<Name, string>>
  : Word extends `[${infer Name}...]`
    ? Readonly<Record<Name, string[]>>
    : Word extends `[${infer Name}]`
      ? Readonly<Record<Name, string | undefined>>
      : unknown;
