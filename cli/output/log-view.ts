import { type LogLine, levelOf } from "../../contracts/index.ts";
import { describeStatus, levelOfStatus } from "../../control/index.ts";
import type { HistoryEntry } from "../../nats/index.ts";
import { formatTime } from "./format-time.ts";
import type { Output } from "./output.ts";

/** Shows log lines in columns: time, function, level, request, message. A status event has its instance for a request. */
export interface LogView {
  show(entry: HistoryEntry): void;
}

/** Upper bound of the width of the name column. A longer name shifts the columns of its line. */
const MAX_NAME_WIDTH = 24;
const ID_WIDTH = 8;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const RESET = "\x1b[0m";

/** `withNames`: each line has the function's name. */
export function createLogView(output: Output, { withNames }: { withNames: boolean }): LogView {
  const { bold, dim, red, yellow, isColorSupported } = output.colours;
  // The column grows: the names of later lines are unknown.
  let nameWidth = 0;
  const name = (own: string) => {
    if (!withNames) return "";
    nameWidth = Math.max(nameWidth, Math.min(own.length, MAX_NAME_WIDTH));
    return `${bold(own.padEnd(nameWidth))} `;
  };
  const showColumns = (columns: Columns) => {
    const { level } = columns;
    const colour = level === "error" ? red : level === "warn" ? yellow : (text: string) => text;
    const id = dim(columns.id.padEnd(ID_WIDTH));
    // A colour that the function left open must not reach the next line.
    const isStyled = isColorSupported && columns.message.includes("\x1b[");
    const message = `${columns.message}${isStyled ? RESET : ""}`;
    const head = `${dim(formatTime(columns.time))} ${name(columns.app)}${colour(level.padEnd(5))} ${id} `;
    output.line(`${head}${colour(message)}`);
  };
  return {
    show: (entry) => showColumns(entry.kind === "line" ? columnsOfLine(entry.line) : columnsOfStatus(entry)),
  };
}

interface Columns {
  time: string;
  app: string;
  level: string;
  id: string;
  message: string;
}

function columnsOfLine(line: LogLine): Columns {
  const { timestamp: time, app_name: app, request_id, message } = line;
  return { time, app, level: levelOf(line), id: shortRequestId(request_id), message };
}

function columnsOfStatus({ app, event }: Extract<HistoryEntry, { kind: "status" }>): Columns {
  const { time, instance_id: instance } = event;
  const message = `${instance} ${describeStatus(event)}`;
  return { time, app, level: levelOfStatus(event), id: shortRequestId(), message };
}

/** The first digits distinguish the ids of the gateway, the last ones the ids of clients. */
function shortRequestId(id = "-"): string {
  if (UUID.test(id)) return id.slice(0, ID_WIDTH);
  return id.length <= ID_WIDTH ? id : `…${id.slice(1 - ID_WIDTH)}`;
}
