import os from "node:os";
import { type FunctionConfig, goArch, goOs } from "../../../contracts/index.ts";
import { TMP } from "./instance-folder.ts";

export interface EnvironmentFacts {
  config: FunctionConfig;
  secrets: Readonly<Record<string, string>>;
  instance: string;
  /** Changes with each start. */
  runId: string;
  revision: string;
  /** Which of its function's instances on this node it is, from 0. */
  index: number;
  node: string;
  /** Its folder. */
  root: string;
  natsUrl: string;
  natsUser: string;
  natsPassword: string;
  /** Where interpreters are looked for. */
  searchPath: string;
}

/**
 * The environment of a program: narun's own variables, and the spec's `env`, which wins. Nothing of the node's own but where
 * programs are found.
 */
export function environmentOf(facts: EnvironmentFacts): Record<string, string> {
  const { config, secrets, root } = facts;
  const own = {
    PATH: facts.searchPath,
    HOME: root,
    TMPDIR: `${root}/${TMP}`,
    LANG: "C.UTF-8",
    NARUN_APP_NAME: config.name,
    NARUN_INSTANCE_ID: facts.instance,
    NARUN_RUN_ID: facts.runId,
    NARUN_REPLICA_INDEX: String(facts.index),
    NARUN_NODE_ID: facts.node,
    NARUN_INSTANCE_ROOT: root,
    NARUN_NODE_OS: goOs(process.platform),
    NARUN_NODE_ARCH: goArch(os.arch()),
    NARUN_REVISION: facts.revision,
    NATS_URL: facts.natsUrl,
    NATS_USER: facts.natsUser,
    NATS_PASSWORD: facts.natsPassword,
  };
  const given = config.env.flatMap(({ name, value }) =>
    value === undefined ? [] : [[name, value] as const],
  );
  // The marks by which a node finds the processes of a program are no spec's.
  const { NARUN_RUN_ID, NARUN_INSTANCE_ROOT } = own;
  return { ...own, ...Object.fromEntries(given), ...secrets, NARUN_RUN_ID, NARUN_INSTANCE_ROOT };
}
