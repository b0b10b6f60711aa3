export { issueRuntaraToken } from "./core/access.ts";
export { openRuntara, type Runtara } from "./core/runtara.ts";
export { type RuntaraHttp, startRuntaraHttp } from "./http/server.ts";
export { startEnvironmentDoor, startInstanceDoor } from "./quic/doors.ts";
export type { ProgramOrder, RunningProgram } from "./runner/run.ts";
export { startRuntaraRunner } from "./runner/runner.ts";
