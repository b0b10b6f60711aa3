/** One run of the bench: the report of its progress, the turns of the systems, and the results of all rows. */
import { heading, inUnit, print } from "../figures.ts";
import { HERE } from "../system.ts";
import {
  betterOf,
  figureOf,
  hasMissed,
  judge,
  OURS,
  type Result,
  type Row,
  type Sample,
  type Size,
} from "./row.ts";

/** The systems of one row. Each function makes one measurement. */
export type Systems<Measured = Sample> = Readonly<Record<string, () => Promise<Measured>>>;

/** The measurements of each system, in the order of the rounds. */
export type Turns<Measured> = ReadonlyMap<string, readonly Measured[]>;

export interface BenchOptions {
  /** Short rounds, and half the target. */
  isQuick: boolean;
  /** Another checkout of narun, which takes its turn. */
  beside: string | undefined;
  /** The stream that the progress is written to. */
  out: NodeJS.WritableStream;
}

/** Why the checkout beside takes no turn. */
export const NO_BESIDE = "no --beside FOLDER";

/** Why a row without a target is not measured by `--quick`, where that takes time of its own. */
export const NO_TARGET = "it has no target";

const ROUNDS = 5;
const QUICK_ROUNDS = 2;

/** The rounds of measurements that take minutes. */
const LONG_ROUNDS = 3;
const QUICK_LONG_ROUNDS = 1;

/** Upper bound of a quick figure's distance to its target, as a factor. */
const QUICK_SLACK = 2;

export class Bench {
  readonly isQuick: boolean;
  readonly rounds: number;
  readonly longRounds: number;
  /** How long a server has load in each round, and before the first round: the server compiles the code that it uses often. */
  readonly loadSeconds: number;
  readonly warmUpSeconds: number;
  readonly size: Size;
  /** The checkouts of narun that are measured: this one, and the one beside it. */
  readonly roots: Readonly<Record<string, string>>;
  /** Results that sections leave for later sections. The owner of the bench disposes of it. */
  readonly atEnd = new AsyncDisposableStack();
  readonly #results: Result[] = [];
  /** Results that are not measured again. */
  readonly #final = new WeakSet<Result>();
  readonly #absent = new Map<string, string>();
  readonly #out: NodeJS.WritableStream;

  constructor({ isQuick, beside, out }: BenchOptions) {
    this.#out = out;
    this.isQuick = isQuick;
    this.rounds = isQuick ? QUICK_ROUNDS : ROUNDS;
    this.longRounds = isQuick ? QUICK_LONG_ROUNDS : LONG_ROUNDS;
    this.loadSeconds = isQuick ? 0.4 : 2;
    this.warmUpSeconds = isQuick ? 0.6 : 3;
    this.size = (full, quick) => (isQuick ? quick : full);
    this.roots = { [OURS]: HERE, ...(beside === undefined ? {} : { beside }) };
    if (beside === undefined) this.#absent.set("beside", NO_BESIDE);
  }

  get results(): readonly Result[] {
    return this.#results;
  }

  heading(text: string): void {
    heading(text, this.#out);
  }

  print(name: string, value: string): void {
    print(name, value, this.#out);
  }

  /** Notes why a peer takes no turn. Its targets are skipped for this reason. */
  skipPeer(name: string, why: string): void {
    this.#absent.set(name, why);
  }

  /** Measures the systems in turns, A B A B. */
  async inTurns<Measured>(systems: Systems<Measured>, rounds = this.rounds): Promise<Turns<Measured>> {
    const turns = new Map<string, Measured[]>(Object.keys(systems).map((name) => [name, []]));
    for (let round = 0; round < rounds; round++)
      for (const [name, measure] of Object.entries(systems)) turns.get(name)?.push(await measure());
    return turns;
  }

  /** Measures the systems in turns, and records the row. */
  async takeTurns(row: Row, systems: Systems, rounds = this.rounds): Promise<void> {
    this.record(row, Object.fromEntries(await this.inTurns(systems, rounds)));
  }

  /** Records a row that is measured already. */
  record(row: Row, samples: Readonly<Record<string, readonly Sample[]>>): void {
    const figures = Object.fromEntries(
      Object.entries(samples).map(([name, ofSystem]) => [name, figureOf(ofSystem)]),
    );
    const whyAbsent = (peer: string) => this.#absent.get(peer) ?? `${peer} was not measured`;
    const slack = this.isQuick ? QUICK_SLACK : 1;
    const targets = row.targets.map((target) => judge(figures, target, { slack, whyAbsent }));
    this.#results.push({ name: row.name, unit: row.unit, figures, targets });
    this.#report(row, figures);
  }

  /** Measures a section, and a second time if a quick measurement misses: a row misses if both do. */
  async section(name: string, measure: (bench: Bench) => Promise<void>): Promise<void> {
    await this.part(name, () => measure(this));
  }

  /** As `section`, for rows that a section measures together: the second time has the systems of the first. */
  async part(name: string, measure: () => Promise<void>): Promise<void> {
    const first = await this.#measured(name, measure);
    const isRepeated = this.isQuick && hasMissed(first.filter((result) => !this.#final.has(result)));
    if (isRepeated) this.print(name, "once more, as a row missed");
    const results = isRepeated ? betterOf(first, await this.#measured(name, measure)) : first;
    for (const result of results) this.#final.add(result);
    this.#results.push(...results);
  }

  /** The results of one measurement, which are not yet results of the run. */
  async #measured(name: string, measure: () => Promise<void>): Promise<Result[]> {
    const before = this.#results.length;
    await measure().catch((error: unknown) => this.fail(name, error));
    return this.#results.splice(before);
  }

  /** Records a row that cannot be measured. */
  skip(row: Row, why: string): void {
    const targets = row.targets.map((target) => ({ ...target, verdict: "skipped" as const, why }));
    this.#results.push({ name: row.name, unit: row.unit, figures: {}, targets });
    this.print(row.name, `skipped: ${why}`);
  }

  /** Records that a section ended with an error. The run misses. */
  fail(section: string, error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    this.#results.push({ name: section, unit: "", figures: {}, targets: [], error: why });
    this.print(section, `failed: ${why}`);
  }

  #report({ name, unit }: Row, figures: Result["figures"]): void {
    for (const [system, { median, spread, errors }] of Object.entries(figures)) {
      const remarks = [
        spread > 0 ? `spread ${Math.round(spread * 100)} %` : undefined,
        errors > 0 ? `${errors} errors` : undefined,
      ].filter((remark) => remark !== undefined);
      this.print(`${name}: ${system}`, [inUnit(median, unit), ...remarks].join(", "));
    }
    const ours = figures[OURS];
    if (ours === undefined) return;
    for (const [peer, figure] of Object.entries(figures))
      if (peer !== OURS) this.print(`${OURS} / ${peer}`, (ours.median / figure.median).toFixed(3));
  }
}

/** One figure of each measurement, by system. */
export function samplesOf<Measured>(
  turns: Turns<Measured>,
  figure: (measured: Measured) => Sample,
): Record<string, Sample[]> {
  return Object.fromEntries([...turns].map(([name, measured]) => [name, measured.map(figure)]));
}
