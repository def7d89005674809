import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { parseState, State } from '../src/state';

/** `tests/fixtures/state.json` as the server encodes it; a new value for each call. */
export function rawState(): Record<string, unknown> {
  const file = join(process.cwd(), 'tests', 'fixtures', 'state.json');
  return JSON.parse(readFileSync(file, 'utf-8')) as Record<string, unknown>;
}

/** The example state, checked. */
export function exampleState(): State {
  return parseState(rawState());
}
