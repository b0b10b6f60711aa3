#!/bin/sh
# Packages: @seriousme/openapi-schema-validator 2.11.0
# Guess: `$ref` is a reference only where a schema stands. Inside `const`, `enum` and `examples` it is data, and
#   a property may be named `$ref` (JSON Schema 2020-12, core 8.2.3.1).
# Behaviour: every key `$ref` of the document is resolved: data with such a key, and a schema of an object that
#   has a property of this name, make a valid document invalid.
# Consequence: a service whose values are JSON Schemas or JSON references cannot be described so that the
#   validator accepts it; leave such examples out, or check with another validator.
# Seen (each run is compared with these lines; it exits with 1 when they differ):
# > const: false
# > enum: false
# > examples: false
# > a property of the name: false
# > the same without the key: true

set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
cd "$folder"
npm install --silent --no-audit --no-fund @seriousme/openapi-schema-validator@2.11.0 >&2 || exit 2

cat >probe.mjs <<'END'
import { Validator } from "@seriousme/openapi-schema-validator";

const reference = { $ref: "#/elsewhere" };
const schemas = {
  const: { const: reference },
  enum: { enum: [reference] },
  examples: { type: "object", examples: [reference] },
  "a property of the name": { type: "object", properties: { $ref: { type: "string" } } },
  "the same without the key": { type: "object", properties: { ref: { type: "string" } }, examples: [{ ref: "#/elsewhere" }] },
};
for (const [name, schema] of Object.entries(schemas)) {
  const { valid } = await new Validator().validate({
    openapi: "3.1.0",
    info: { title: "t", version: "1" },
    paths: {},
    components: { schemas: { A: schema } },
  });
  console.log(`${name}: ${valid}`);
}
END
node probe.mjs >seen.txt || { cat seen.txt; exit 2; }
cat seen.txt
sed -n 's/^# > //p' "$script" | diff - seen.txt >&2 || { echo "the behaviour changed" >&2; exit 1; }
