export { type Grant, issueRuntaraToken } from "./core/access.ts";
export { openRuntara, type Runtara, type RuntaraOptions } from "./core/runtara.ts";
export { type RuntaraHttp, type RuntaraHttpOptions, startRuntaraHttp } from "./http/server.ts";
export { type RuntaraRunner, type RuntaraRunnerOptions, startRuntaraRunner } from "./runner/runner.ts";
