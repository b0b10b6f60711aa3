/** Fetches the Deno that speaks QUIC, once, as narun does at the first use: the tests themselves fetch nothing. */
import { userCacheDir } from "../../nats-server/index.ts";
import { findDeno } from "../../protocol/index.ts";

await findDeno({ cacheDir: userCacheDir(process.env), searchPath: process.env.PATH ?? "" });
