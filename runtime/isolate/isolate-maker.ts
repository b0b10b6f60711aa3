/**
 * Makes V8's isolates off the host's own thread. isolated-vm's constructor holds its thread for 3 ms, in which V8 reads the
 * snapshot, and it has no asynchronous form. So isolates of ours, the makers, call it on threads of isolated-vm.
 *
 * I1  A maker has isolated-vm itself in its hands. No code gets into it but the two functions below, and no value but a number.
 * I2  A maker is disposed of before any of its isolates is handed out. isolated-vm reports an isolate that V8 loses control of to
 *     the isolate that made it, and would crash there, outside of any context. It drops a report to an isolate that is gone; the
 *     lost isolate's thread sleeps all the same (lost-isolates.ts notices).
 * I3  A maker costs 1.3 ms. It makes several isolates where several are wanted. Isolates that a start waits for are shared among
 *     as many makers as there are cores, others come from one.
 */
import { availableParallelism } from "node:os";
import ivm from "isolated-vm";

export interface IsolateMaker {
  /** `isAhead`: no start waits for it. */
  make(memoryMb: number, isAhead: boolean): Promise<ivm.Isolate>;
}

interface Wanted {
  memoryMb: number;
  isAhead: boolean;
  made: PromiseWithResolvers<ivm.Isolate>;
}

/** Makes a maker, and disposes of it. */
interface Root {
  begin: ivm.Reference<() => ivm.Isolate>;
  end: ivm.Reference<(maker: ivm.Isolate) => void>;
}

type Make = (memoryMb: number) => ivm.Isolate;

const MAKE = `const [ivm, snapshot] = [$0, $1];
const onCatastrophicError = () => undefined;
return (memoryLimit) => new ivm.Isolate({ snapshot, memoryLimit, onCatastrophicError });`;

/** The least that isolated-vm takes. A maker takes 1 MiB in fact. */
const MAKER_MEMORY_MB = 8;
/** Upper bound of the makers that work at a time. */
const MAX_MAKERS = 4;
/** Upper bound of the isolates that one maker makes: the first of them is handed out with the last. */
const MAX_MADE = 4;

export function createIsolateMaker(snapshot: ivm.ExternalCopy<ArrayBuffer>): IsolateMaker {
  const makers = Math.min(availableParallelism(), MAX_MAKERS);
  const root = createRoot();
  const waiting: Wanted[] = [];
  let working = 0;

  const work = async () => {
    working += 1;
    while (waiting.length > 0) {
      const share = waiting.every(({ isAhead }) => isAhead)
        ? waiting.length
        : Math.ceil(waiting.length / makers);
      const batch = waiting.splice(0, Math.min(MAX_MADE, share));
      try {
        const made = await makeAll(root, snapshot, batch);
        for (const [index, { made: wanted }] of batch.entries()) wanted.resolve(made[index] as ivm.Isolate);
      } catch (error) {
        for (const { made } of batch) made.reject(error);
      }
    }
    working -= 1;
  };
  return {
    make(memoryMb, isAhead) {
      const made = Promise.withResolvers<ivm.Isolate>();
      waiting.push({ memoryMb, isAhead, made });
      // Isolates that are asked for in one turn share makers.
      if (working < makers) queueMicrotask(() => waiting.length > 0 && working < makers && void work());
      return made.promise;
    },
  };
}

function createRoot(): Root {
  const context = new ivm.Isolate({ memoryLimit: MAKER_MEMORY_MB }).createContextSync();
  const result = { reference: true } as const;
  const begin = `const ivm = $0; return () => new ivm.Isolate({ memoryLimit: ${MAKER_MEMORY_MB} });`;
  return {
    begin: context.evalClosureSync(begin, [ivm], { result }) as Root["begin"],
    end: context.evalClosureSync("return (maker) => maker.dispose();", [], { result }) as Root["end"],
  };
}

async function makeAll(
  { begin, end }: Root,
  snapshot: ivm.ExternalCopy<ArrayBuffer>,
  batch: readonly Wanted[],
): Promise<ivm.Isolate[]> {
  const maker = (await begin.apply(undefined, [])) as ivm.Isolate;
  try {
    const context = await maker.createContext();
    const made = await context.evalClosure(MAKE, [ivm, snapshot], { result: { reference: true } });
    const make = made as ivm.Reference<Make>;
    return await Promise.all(
      batch.map(({ memoryMb }) => make.apply(undefined, [memoryMb]) as Promise<ivm.Isolate>),
    );
  } finally {
    await end.apply(undefined, [maker]);
  }
}
