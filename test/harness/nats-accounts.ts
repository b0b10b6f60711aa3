import { randomUUID } from "node:crypto";
import { nkeys } from "@nats-io/transport-node";

type KeyPair = ReturnType<typeof nkeys.createUser>;

/** An operator with one account, for a nats-server with JWT users. */
export interface NatsAccounts {
  /** The part of the server's configuration. */
  readonly config: string;
  /** The credentials file of a new user, in the form of `nsc`. `lifeS`: seconds until it expires. */
  creds(options?: { lifeS?: number }): string;
}

const UNLIMITED = { subs: -1, data: -1, payload: -1 };
const OF_ACCOUNT = { imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
const OF_JETSTREAM = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

export function createNatsAccounts(): NatsAccounts {
  const operator = nkeys.createOperator();
  // The server's JetStream needs a system account.
  const [account, system] = [nkeys.createAccount(), nkeys.createAccount()];
  const limits = { ...UNLIMITED, ...OF_ACCOUNT, ...OF_JETSTREAM };
  const operatorJwt = sign(operator, operator, { type: "operator" });
  const preload = [
    `${account.getPublicKey()}: ${sign(operator, account, { type: "account", limits })}`,
    // An account with JetStream cannot be the system account.
    `${system.getPublicKey()}: ${sign(operator, system, { type: "account", limits: { ...UNLIMITED, ...OF_ACCOUNT } })}`,
  ];
  return {
    config: [
      `operator: ${operatorJwt}`,
      `system_account: ${system.getPublicKey()}`,
      "resolver: MEMORY",
      `resolver_preload {\n${preload.join("\n")}\n}`,
    ].join("\n"),
    creds({ lifeS } = {}) {
      const user = nkeys.createUser();
      const jwt = sign(account, user, { type: "user", ...UNLIMITED }, lifeS);
      const seed = new TextDecoder().decode(user.getSeed());
      return [
        `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n`,
        `-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`,
      ].join("\n");
    },
  };
}

function sign(issuer: KeyPair, subject: KeyPair, nats: object, lifeS?: number): string {
  const iat = Math.floor(Date.now() / 1_000);
  const claims = {
    ...(lifeS === undefined ? {} : { exp: iat + lifeS }),
    jti: randomUUID(),
    iat,
    iss: issuer.getPublicKey(),
    name: "test",
    sub: subject.getPublicKey(),
    nats: { ...nats, version: 2 },
  };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${encode({ typ: "JWT", alg: "ed25519-nkey" })}.${encode(claims)}`;
  return `${text}.${Buffer.from(issuer.sign(new TextEncoder().encode(text))).toString("base64url")}`;
}
