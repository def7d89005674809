/**
 * What the server tells: the types of `tinytorch_milestones/state.py`, and guards that check them.
 *
 * A key that has a default there may be missing here. `tests/fixtures/state.json` is checked on
 * both sides.
 */

import {
  Decoded,
  DecodeError,
  flag,
  list,
  nullable,
  number,
  oneOf,
  or,
  record,
  text
} from './decode';

/** The version of the document this page understands. */
export const STATE_VERSION = 1;

const gate = record({
  id: text,
  title: text,
  required: text,
  measured: or(text, ''),
  passed: or(nullable(flag), null),
  hint: or(text, ''),
  module: or(text, '')
});

const attempt = record({
  part: text,
  started: text,
  seconds: number,
  result: oneOf('running', 'passed', 'failed', 'interrupted', 'error'),
  score: or(nullable(number), null),
  credited: or(flag, false)
});

const progressStatus = oneOf('coming', 'locked', 'ready', 'running', 'complete');

const part = record({
  id: text,
  title: text,
  story: text,
  status: progressStatus,
  gates: list(gate),
  missing: or(list(text), []),
  best_score: or(nullable(number), null),
  seconds: or(nullable(number), null)
});

const running = record({
  part: text,
  step: number,
  steps: number,
  seconds_left: nullable(number),
  epoch: or(number, 0),
  epochs: or(number, 0)
});

const checkpoint = record({
  id: text,
  title: text,
  capability: text,
  status: oneOf('coming', 'locked', 'ready', 'passed', 'failed'),
  needs: list(text)
});

const milestone = record({
  id: text,
  number: text,
  year: number,
  title: text,
  headline: text,
  people: text,
  story: text,
  status: progressStatus,
  needs: list(text),
  missing: list(text),
  parts: list(part),
  parts_complete: number,
  best_score: or(nullable(number), null),
  score_text: or(text, ''),
  seconds: or(nullable(number), null),
  curve: or(list(nullable(number)), []), // null: a loss that was not finite
  attempts: or(list(attempt), []),
  notebook: or(text, ''),
  badge: or(text, ''),
  says: or(text, ''),
  changed: or(text, ''),
  era: or(text, ''),
  percent: or(number, 0), // 0..1
  checkpoints: or(list(checkpoint), []),
  completed: or(text, ''),
  running: or(nullable(running), null)
});

const test = record({
  id: text,
  title: text,
  passed: flag,
  status: oneOf('passed', 'failed', 'not_yet', 'missing'),
  message: or(text, ''),
  cell_id: or(text, ''),
  points: or(number, 0)
});

const courseModule = record({
  id: text,
  number: text,
  title: text,
  question: text,
  status: oneOf('coming', 'not_started', 'in_progress', 'checking', 'recheck', 'complete'),
  notebook: or(text, ''),
  tests_passed: or(number, 0),
  tests_total: or(number, 0),
  failed: or(list(test), []),
  problem: or(text, ''),
  problem_cell: or(text, ''),
  checked_at: or(text, ''),
  seconds: or(nullable(number), null),
  unlocks: or(list(text), [])
});

const nextStep = record({
  kind: oneOf('trust', 'milestone', 'module', 'done'),
  id: text,
  title: text,
  why: text,
  button: text,
  notebook: or(text, ''),
  command: or(text, '')
});

const workspace = record({
  name: text,
  path: text,
  trusted: flag,
  writable: flag,
  warnings: or(list(text), [])
});

const track = record({ id: text, title: text, description: or(text, '') });

const state = record({
  version: number,
  sequence: number,
  student: text,
  workspace,
  track: text,
  tracks: list(track),
  next: nextStep,
  milestones: list(milestone),
  modules: list(courseModule),
  checkpoints: list(checkpoint),
  milestones_complete: number,
  modules_complete: number,
  modules_available: number,
  checked_at: or(text, ''),
  checked_seconds: or(nullable(number), null)
});

const completion = record({
  module: text,
  title: text,
  exported: flag,
  changed: flag,
  passed: number,
  total: number,
  complete: flag,
  tests: list(test),
  seconds: number,
  message: text,
  refused: or(text, ''),
  remedy: or(text, ''),
  cell_id: or(text, ''),
  output: or(text, ''),
  newly_unlocked: or(list(text), []),
  messages: or(list(text), []),
  warnings: or(list(text), [])
});

export type GateState = Decoded<typeof gate>;
export type AttemptState = Decoded<typeof attempt>;
export type PartState = Decoded<typeof part>;
export type RunningState = Decoded<typeof running>;
export type MilestoneState = Decoded<typeof milestone>;
export type TestState = Decoded<typeof test>;
export type ModuleState = Decoded<typeof courseModule>;
export type CheckpointState = Decoded<typeof checkpoint>;
export type NextStep = Decoded<typeof nextStep>;
export type WorkspaceState = Decoded<typeof workspace>;
export type TrackState = Decoded<typeof track>;
export type State = Decoded<typeof state>;
export type Completion = Decoded<typeof completion>;

/** Check a `State` from the server; throws a DecodeError that names the place. */
export function parseState(value: unknown): State {
  const version = (value as { version?: unknown } | null | undefined)?.version;
  if (typeof version === 'number' && version !== STATE_VERSION) {
    throw new DecodeError(
      'state.version',
      `the server speaks version ${version}, this page version ${STATE_VERSION}`
    );
  }
  return state(value, 'state');
}

/** Check a `Completion` from the server. */
export function parseCompletion(value: unknown): Completion {
  return completion(value, 'completion');
}
