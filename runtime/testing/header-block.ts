/** Header fields in the form in which they cross the boundary (web/host/boundary.ts). */
export function joinHeaderBlock(fields: Iterable<readonly [string, string]>): string {
  let block = "";
  for (const [name, value] of fields) block += `${name}\n${value}\n`;
  return block;
}
