export interface Column<T> {
  title: string;
  value(row: T): string;
  /** For numbers. Default: left. */
  align?: "right";
  colour?(text: string, row: T): string;
  /** May be left out on a narrow terminal. The last of these columns goes first. */
  isExtra?: boolean;
}

export interface TableForm {
  title(text: string): string;
  /** Default: true. */
  hasHead?: boolean;
  /** The terminal's width in characters. Default: unbounded. */
  width?: number;
}

const GAP = "  ";
/** Lower bound of the width of a wrapped last column. */
const NARROWEST = 20;

/**
 * Columns padded to their widest cell, with two spaces between. A table that is wider than the terminal loses its extra
 * columns. If it still is too wide, its last column wraps.
 */
export function formatTable<T>(columns: readonly Column<T>[], rows: readonly T[], form: TableForm): string {
  const { width = Number.POSITIVE_INFINITY, hasHead = true } = form;
  const shown = fitColumns(columns, rows, width);
  const widths = shown.map((column) => widthOf(column, rows));
  const last = shown.length - 1;
  const left = widths.slice(0, last).reduce((sum, each) => sum + each + GAP.length, 0);
  const room = shown[last]?.align === "right" ? Number.POSITIVE_INFINITY : Math.max(width - left, NARROWEST);

  const line = (cells: readonly string[], paint: (text: string, index: number) => string) =>
    cells
      .map((text, index) => paint(pad(text, widths[index] ?? 0, shown[index], index === last), index))
      .join(GAP)
      .trimEnd();
  const head = line(
    shown.map(({ title }) => title),
    form.title,
  );
  const lines = rows.flatMap((row) => {
    const cells = shown.map((column) => column.value(row));
    const [first = "", ...more] = wrap(cells[last] ?? "", room);
    const paint = (text: string, index: number) => shown[index]?.colour?.(text, row) ?? text;
    return [
      line([...cells.slice(0, last), first], paint),
      ...more.map((text) => `${" ".repeat(left)}${paint(text, last)}`),
    ];
  });
  return `${[...(hasHead ? [head] : []), ...lines].join("\n")}\n`;
}

function fitColumns<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  width: number,
): readonly Column<T>[] {
  const total = columns.reduce((sum, column) => sum + widthOf(column, rows) + GAP.length, -GAP.length);
  const extra = columns.findLastIndex(({ isExtra }) => isExtra);
  return total <= width || extra === -1 ? columns : fitColumns(columns.toSpliced(extra, 1), rows, width);
}

function widthOf<T>({ title, value }: Column<T>, rows: readonly T[]): number {
  return Math.max(title.length, ...rows.map((row) => value(row).length));
}

function pad<T>(text: string, width: number, column: Column<T> | undefined, isLast: boolean): string {
  if (column?.align === "right") return text.padStart(width);
  return isLast ? text : text.padEnd(width);
}

/** Breaks a text between words into lines of at most `room` characters. A longer word has its own line. */
function wrap(text: string, room: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const open = lines.at(-1);
    if (open !== undefined && open.length + 1 + word.length <= room)
      lines[lines.length - 1] = `${open} ${word}`;
    else lines.push(word);
  }
  return lines;
}
