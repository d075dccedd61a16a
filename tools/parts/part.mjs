// What the parts have in common: lines of JSON on standard output and input, and an end with whoever started them.

import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

// The packages warn of what is right in a test: plain HTTP, keys made at start.
console.warn = () => {};
console.info = () => {};

/** The options of the command line; a wrong one ends the process with what is allowed. */
export function options(usage, spec) {
  try {
    return parseArgs({ options: spec }).values;
  } catch (error) {
    process.stderr.write(`error: ${error.message}\n${usage}\n`);
    process.exit(2);
  }
}

/** Writes one line for the starter. */
function say(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Listens, says where, then obeys one command a line until standard input ends. */
export function run(server, port, ready, obey) {
  server.on('error', (error) => {
    process.stderr.write(`error: ${error.message}\n`);
    process.exit(3);
  });
  server.listen(port, '127.0.0.1', () => say(ready(server.address().port)));
  const commands = createInterface({ input: process.stdin });
  commands.on('line', (line) => say(obey(JSON.parse(line))));
  // The starter is gone, so nobody needs this any more.
  commands.on('close', () => process.exit(0));
}
