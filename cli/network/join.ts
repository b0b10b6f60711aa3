/** Joining: a new node asks with its token, a node of the network answers with the keys of all of its nodes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { z } from "zod";
import { isErrorCode, isNarunError, messageOf, NarunError, stores, subjects } from "../../contracts/index.ts";
import { makeOwnFolder, writeWholeSync } from "../../machine/index.ts";
import {
  askToJoin,
  checkJoin,
  connectNats,
  fingerprintInToken,
  type Nats,
  type NatsLogin,
  NoReplyError,
  openByteKv,
  readJoinToken,
} from "../../nats/index.ts";
import { connectLimit } from "../command/connect-limit.ts";
import { SECRETS_KEY_FILE } from "../secrets-key.ts";
import {
  fingerprintOfNetwork,
  type NetworkFacts,
  NetworkSchema,
  readNetwork,
  writeNetwork,
} from "./network-facts.ts";
import type { Network } from "./network-folder.ts";
import { readAuthority } from "./read-authority.ts";

/** The right to join, and where. */
export interface JoinTarget {
  token: string;
  host: string;
  port: number;
}

export interface JoinOptions {
  target: JoinTarget;
  dataDir: string;
  /** `HOST:PORT` of this node's server for other servers. */
  route: string;
}

const AnswerSchema = z.union([
  z.strictObject({ error: z.string(), detail: z.string().optional() }),
  z.strictObject({ sealed: z.string(), by: z.string() }),
]);
const GiftSchema = NetworkSchema.extend({ secretsKey: z.string().optional() });

const ANSWER_MS = 10_000;

/**
 * Joins a network, once: a data folder that belongs to it stays there. Errors: JOIN_TOKEN_INVALID, _EXPIRED, _USED, _FOREIGN,
 * JOIN_REFUSED, NATS_UNREACHABLE; NETWORK_DATA_IN_USE, where the folder belongs to another network than the token.
 */
export async function joinNetwork({ target, dataDir, route }: JoinOptions): Promise<void> {
  const own = readNetwork(dataDir);
  if (own !== undefined) return requireSame(own, target.token, dataDir);
  const token = readJoinToken(target.token);
  const ca = await readAuthority(target.host, target.port, token.fingerprint);
  const login = { creds: token.creds, ca };
  const nats = await enter(target, login);
  try {
    const asked = askToJoin(token, { route });
    const reply = await nats
      .request(subjects.join, asked.text, { timeoutMs: ANSWER_MS })
      .catch((error: unknown) => explain(error, target, login));
    const answer = AnswerSchema.parse(JSON.parse(reply.text()));
    if ("error" in answer) throw refusalOf(answer);
    const { secretsKey, ...facts } = GiftSchema.parse(asked.open(answer));
    await makeOwnFolder(dataDir);
    if (secretsKey !== undefined) writeWholeSync(join(dataDir, SECRETS_KEY_FILE), secretsKey, 0o600);
    await writeNetwork(dataDir, facts);
  } finally {
    await nats.close();
  }
}

/** Logs in to a server of the network by the login in the token. */
function enter({ host, port }: JoinTarget, login: NatsLogin): Promise<Nats> {
  const url = `tls://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const options = { url, login, worldId: "none", name: "narun join", ...connectLimit() };
  return connectNats(options).catch((error: unknown) => {
    // The server is of the token's network, as its certificates tell: its clock is another, or the key of tokens.
    if (isNarunError(error, "NATS_LOGIN_REFUSED"))
      throw new NarunError(
        "JOIN_TOKEN_EXPIRED",
        { detail: `${host}:${port} does not take it, by its own clock or since the key of tokens changed` },
        { cause: error },
      );
    throw error;
  });
}

/** A token may expire behind the login: the server closes the connection then, and takes the token no more. */
async function explain(error: unknown, target: JoinTarget, login: NatsLogin): Promise<never> {
  if (!(error instanceof NoReplyError)) throw error;
  await (await enter(target, login)).close();
  throw new NarunError("JOIN_REFUSED", { detail: "no node of the network answers" }, { cause: error });
}

/** A unit file may name the token of the first start for ever. One of another network is a mistake. */
function requireSame(own: NetworkFacts, token: string, dataDir: string): void {
  const wanted = fingerprintInToken(token);
  if (wanted === undefined || wanted === fingerprintOfNetwork(own)) return;
  throw new NarunError("NETWORK_DATA_IN_USE", {
    detail: `${dataDir} has a network, and --join names another one`,
  });
}

function refusalOf({ error, detail }: { error: string; detail?: string | undefined }): NarunError {
  const code = isErrorCode(error) && error.startsWith("JOIN_") ? error : "JOIN_REFUSED";
  return new NarunError(code, detail === undefined ? {} : { detail });
}

export interface AnswerJoinsOptions {
  nats: Nats;
  network: Network;
  dataDir: string;
  /** This node's own route. Undefined: its server takes no others. */
  route: string | undefined;
  log: Logger;
}

/** Answers nodes that want to join. Every node of the network does. Returns the function that ends it. */
export function answerJoins(options: AnswerJoinsOptions): () => void {
  const { nats, log } = options;
  const subscription = nats.subscribe(
    subjects.join,
    (message) => {
      void admit(options, message.text()).then(
        (answer) => message.respond(JSON.stringify(answer)),
        (error: unknown) => {
          const code = isNarunError(error) ? error.code : "JOIN_REFUSED";
          log.warn({ code, error: messageOf(error) }, "a node was not let in");
          message.respond(JSON.stringify({ error: code }));
        },
      );
    },
    { queue: "q" },
  );
  return () => subscription.unsubscribe();
}

async function admit({ nats, network, dataDir, route, log }: AnswerJoinsOptions, text: string) {
  if (route === undefined)
    return { error: "JOIN_REFUSED", detail: "the node that answered was started without --cluster" };
  const { routes, ...facts } = network.facts;
  const { keys } = facts;
  const join = checkJoin(text, keys);
  const ttlSeconds = Math.ceil((join.expiresAtMs - Date.now()) / 1_000) + 3_600;
  const used = openByteKv(nats, stores.joins.bucket);
  const written = await used.put(join.id, new TextEncoder().encode(join.route), {
    ifRevision: 0,
    ttlSeconds,
  });
  if (!written.ok) throw new NarunError("JOIN_TOKEN_USED");
  log.info({ route: join.route }, "a node joins the network");
  const answer = join.seal({
    ...facts,
    routes: [...new Set([...routes, route])],
    ...secretsKeyOf(dataDir),
  });
  network.addRoute(join.route);
  return answer;
}

/** Nodes open secrets with the same key. Absent where the operator gives each node its key by a variable. */
function secretsKeyOf(dataDir: string): { secretsKey?: string } {
  try {
    return { secretsKey: readFileSync(join(dataDir, SECRETS_KEY_FILE), "utf8") };
  } catch {
    return {};
  }
}
