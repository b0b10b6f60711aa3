import type { FunctionSpec } from "../../contracts/index.ts";
import type { Nats } from "../../nats/index.ts";
import type { FollowedWorkflows } from "../../workflows/index.ts";
import type { createLog } from "../log.ts";

export interface FollowWorkOptions {
  nats: Nats;
  log: ReturnType<typeof createLog>;
}

/** The work of a node that no request brings. Its modules are loaded for the first function that needs them. */
export function followWork({ nats, log }: FollowWorkOptions): FollowedWorkflows {
  let loading: Promise<FollowedWorkflows> | undefined;
  const load = async (): Promise<FollowedWorkflows> => {
    const [{ createTriggerCalls }, { followWorkflows }] = await Promise.all([
      import("../../triggers/index.ts"),
      import("../../workflows/index.ts"),
    ]);
    const calls = createTriggerCalls({ nats, log });
    const followed = followWorkflows({ nats, calls, log });
    return {
      onSpec: followed.onSpec,
      async drain(grace) {
        await followed.drain(grace);
        calls.close();
      },
    };
  };
  return {
    onSpec(name: string, spec: FunctionSpec | undefined) {
      if (spec?.workflow === undefined) return;
      loading ??= load();
      void loading.then((followed) => followed.onSpec(name, spec));
    },
    async drain(grace) {
      await (await loading)?.drain(grace);
    },
  };
}
