import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { CourseEvent, EVENT_SCHEMA, parseEvent } from '../src/events';
import { asProblem, problemOf } from '../src/problems';
import { allPassed, sentence, shorten, winSentence } from '../src/toasts/words';
import { exampleState } from './fixture';
import { trans } from './trans';

function event(change: Record<string, unknown>): CourseEvent {
  const parsed = parseEvent({
    schema_id: EVENT_SCHEMA,
    workspace: 'course',
    sequence: 1,
    kind: 'checked',
    ...change
  });
  assert.ok(parsed);
  return parsed;
}

test('events of others and of later versions are passed over', () => {
  const warn = mock.method(console, 'warn', () => undefined);
  assert.equal(parseEvent({ schema_id: 'https://events.jupyter.org/x', kind: 'checked' }), null);
  assert.equal(warn.mock.callCount(), 0);
  assert.equal(
    parseEvent({ schema_id: EVENT_SCHEMA, workspace: '', sequence: 1, kind: 'party' }),
    null
  );
  assert.equal(warn.mock.callCount(), 1);
  warn.mock.restore();
});

test('a check says its counts, and what failed first', () => {
  const passed = event({ module: '02_activations', title: '02 Activations', passed: 9, total: 9 });
  assert.ok(allPassed(passed));
  assert.equal(sentence(passed, trans), '9 of 9 tests passed in 02 Activations');
  const failed = event({
    module: '02_activations',
    title: 'Activations',
    passed: 6,
    total: 9,
    message: 'expected 1.0, got nan'
  });
  assert.ok(!allPassed(failed));
  assert.equal(
    sentence(failed, trans),
    '6 of 9 tests pass in 02 Activations: expected 1.0, got nan'
  );
});

test('a check without any result has not passed', () => {
  assert.ok(!allPassed(event({ passed: 0, total: 0 })));
});

test('refusals and unlocks have their sentences, hints have none', () => {
  const refused = event({
    kind: 'refused',
    module: '01_tensor',
    title: '01 Tensor',
    message: 'Cell 4 has a syntax error.',
    remedy: 'Correct it.'
  });
  assert.equal(
    sentence(refused, trans),
    '01 Tensor was not exported. Cell 4 has a syntax error. Correct it.'
  );
  const unlocked = event({ kind: 'unlocked', milestone: 'cnn', title: 'LeNet, 1998' });
  assert.equal(sentence(unlocked, trans), 'Milestone unlocked: LeNet, 1998');
  assert.equal(sentence(event({ kind: 'state' }), trans), '');
});

test('a win is said with its words where there are any', () => {
  const [perceptron, , machines] = exampleState().milestones;
  assert.ok(perceptron && machines);
  assert.equal(
    winSentence(perceptron, trans),
    "Milestone complete: Rosenblatt's perceptron, 1958"
  );
  assert.equal(
    winSentence(machines, trans),
    'Milestone complete: Machines can see, 1989. “I taught a computer to recognize handwritten digits!”'
  );
});

test('long words are cut at a space and say so', () => {
  assert.equal(shorten('a  b\nc'), 'a b c');
  const cut = shorten('word '.repeat(60));
  assert.ok(cut.length <= 138);
  assert.ok(cut.endsWith('word…'));
  assert.equal(shorten('x'.repeat(200), 10), `${'x'.repeat(9)}…`);
});

test('answers are sorted by what can be done about them', () => {
  const said = JSON.stringify({ reason: 'no_workspace', message: 'none', remedy: 'tito init' });
  assert.deepEqual(problemOf(404, said), {
    reason: 'no_workspace',
    message: 'none',
    remedy: 'tito init'
  });
  assert.equal(problemOf(404, '{"message": "Not Found", "reason": null}').reason, 'no_extension');
  assert.equal(problemOf(404, '<html>').reason, 'no_extension');
  assert.equal(problemOf(503, '<html>').reason, 'offline');
  assert.equal(problemOf(403, '{"message": "Forbidden"}').message, 'Forbidden');
  assert.equal(asProblem(new Error('boom')).message, 'boom');
});
