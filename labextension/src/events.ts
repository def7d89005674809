/**
 * Events of the course: hints that something changed. They are not replayed, so they only ever
 * lead to a toast, an announcement, or to fetching the state again.
 */

import { Decoded, DecodeError, number, oneOf, or, record, text } from './decode';

export const EVENT_SCHEMA = 'https://tinytorch-milestones.org/events/v1';

const courseEvent = record({
  workspace: text,
  sequence: number,
  kind: oneOf('state', 'checking', 'checked', 'refused', 'unlocked', 'milestone'),
  module: or(text, ''),
  title: or(text, ''),
  passed: or(number, 0),
  total: or(number, 0),
  message: or(text, ''),
  remedy: or(text, ''),
  cell: or(text, ''),
  notebook: or(text, ''),
  milestone: or(text, ''),
  seconds: or(number, 0)
});

export type CourseEvent = Decoded<typeof courseEvent>;

/**
 * Read one emission of the server's event bus: null for events of others, and for a kind that
 * this version does not know.
 */
export function parseEvent(emission: Readonly<Record<string, unknown>>): CourseEvent | null {
  if (emission['schema_id'] !== EVENT_SCHEMA) {
    return null;
  }
  try {
    return courseEvent(emission, 'event');
  } catch (error) {
    if (error instanceof DecodeError) {
      console.warn(`TinyTorch: ${error.message}`);
      return null;
    }
    throw error;
  }
}
