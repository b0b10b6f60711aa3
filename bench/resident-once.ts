/** The physical memory of several processes together: a page that some of them share counts once. Linux only. */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { KIB, unlessGone } from "./processes.ts";

/** Bits of an entry in `/proc/PID/pagemap`, in its upper half: the page is in memory, and it is a page of a file. */
const PRESENT = 0x8000_0000;
const OF_FILE = 0x2000_0000;
const ENTRY_BYTES = 8;

interface FileMapping {
  /** Device and inode. */
  file: string;
  /** The first page of the mapping: in the process, and in the file. */
  page: number;
  filePage: number;
  pages: number;
}

/** In bytes. `smaps` cannot tell it: its proportional size gives parts of a page to processes that are not asked about. */
export function residentOnce(pids: readonly number[]): number {
  const pageBytes = sizeOfPage();
  const filePages = new Set<string>();
  let bytes = 0;
  for (const pid of pids) {
    bytes += anonymousMemory(pid);
    for (const key of residentFilePages(pid, pageBytes)) filePages.add(key);
  }
  return bytes + filePages.size * pageBytes;
}

function sizeOfPage(): number {
  return (
    Number(/^KernelPageSize:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/smaps", "utf8"))?.[1] ?? 4) * KIB
  );
}

function anonymousMemory(pid: number): number {
  const rollup = readOrNone(() => readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"), "");
  return Number(/^Anonymous:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0) * KIB;
}

/** The pages of files that the process has in memory. A page that it has written is its own, and anonymous. */
function residentFilePages(pid: number, pageBytes: number): string[] {
  const maps = readOrNone(() => readFileSync(`/proc/${pid}/maps`, "utf8"), "");
  return maps.split("\n").flatMap((line) => {
    const mapping = parseMapping(line, pageBytes);
    return mapping === undefined ? [] : pagesOf(pid, mapping);
  });
}

/** Undefined if the memory is not that of a file. */
function parseMapping(line: string, pageBytes: number): FileMapping | undefined {
  const [range = "", , offset = "", device = "", inode = "0"] = line.split(/\s+/);
  if (Number(inode) === 0) return undefined;
  const [start = 0, end = 0] = range.split("-").map((address) => Number.parseInt(address, 16) / pageBytes);
  const filePage = Number.parseInt(offset, 16) / pageBytes;
  return { file: `${device} ${inode}`, page: start, filePage, pages: end - start };
}

function pagesOf(pid: number, { file, page, filePage, pages }: FileMapping): string[] {
  const entries = Buffer.alloc(pages * ENTRY_BYTES);
  const read = () => {
    const pagemap = openSync(`/proc/${pid}/pagemap`, "r");
    try {
      return readSync(pagemap, entries, 0, entries.byteLength, page * ENTRY_BYTES);
    } finally {
      closeSync(pagemap);
    }
  };
  const bytes = readOrNone(read, 0);
  const keys: string[] = [];
  for (let at = 0; at < bytes; at += ENTRY_BYTES) {
    const flags = entries.readUInt32LE(at + ENTRY_BYTES / 2);
    const isFilePage = (flags & PRESENT) !== 0 && (flags & OF_FILE) !== 0;
    if (isFilePage) keys.push(`${file} ${filePage + at / ENTRY_BYTES}`);
  }
  return keys;
}

/** A process that has ended has no memory. */
function readOrNone<T>(read: () => T, none: T): T {
  try {
    return read();
  } catch (error) {
    return unlessGone(error, none);
  }
}
