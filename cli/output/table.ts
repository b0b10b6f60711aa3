export interface Column<T> {
  title: string;
  value(row: T): string;
  /** Numbers read better from the right. */
  align?: "right";
  colour?(text: string, row: T): string;
  /** Left out where the terminal is too narrow for all columns; the last one of these first. */
  isExtra?: boolean;
}

export interface TableForm {
  title(text: string): string;
  /** Default: true. */
  hasHead?: boolean;
  /** Of the terminal, in characters. Default: as wide as it comes. */
  width?: number;
}

const GAP = "  ";
/** A last column that has less is not broken into lines: nobody could read it. */
const NARROWEST = 20;

/**
 * Columns padded to their widest cell, two spaces between. Where they are wider than the terminal, extra columns are left
 * out; if that is not enough, the last column goes on in the lines below.
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

/** Lines of at most so many characters, broken between words; a longer word has a line of its own. */
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
