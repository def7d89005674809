import assert from 'node:assert/strict';
import { test } from 'node:test';

import { DecodeError } from '../src/decode';
import { parseCompletion, parseState } from '../src/state';
import { rawState } from './fixture';

interface Loose {
  [key: string]: unknown;
  modules: Record<string, unknown>[];
  milestones: Record<string, unknown>[];
}

function changed(change: (state: Loose) => void): unknown {
  const state = rawState() as Loose;
  change(state);
  return state;
}

test('the example state of the Python side is understood', () => {
  const state = parseState(rawState());
  assert.equal(state.workspace.path, 'course');
  assert.equal(state.modules.length, 21);
  assert.equal(state.modules[2]?.failed[0]?.cell_id, '02-softmax-test');
  assert.equal(state.milestones[0]?.running?.epochs, 8);
});

test('what was read is what was sent', () => {
  assert.deepEqual(parseState(rawState()), rawState());
});

test('a wrong value is refused, naming its place', () => {
  const wrong = changed(state => {
    (state.modules[3] ?? {})['status'] = 'finished';
  });
  assert.throws(() => parseState(wrong), {
    name: 'DecodeError',
    message: /^state\.modules\[3\]\.status: expected coming, .*, got 'finished'$/
  });
});

test('a missing key is refused', () => {
  const wrong = changed(state => {
    delete (state.milestones[1] ?? {})['title'];
  });
  assert.throws(
    () => parseState(wrong),
    (error: unknown) => error instanceof DecodeError && error.path === 'state.milestones[1].title'
  );
});

test('a key that has a default may be missing', () => {
  const sparse = changed(state => {
    delete (state.modules[2] ?? {})['failed'];
    delete state['checked_at'];
  });
  const state = parseState(sparse);
  assert.deepEqual(state.modules[2]?.failed, []);
  assert.equal(state.checked_at, '');
});

test('keys of a later server are passed over', () => {
  const newer = changed(state => {
    state['mood'] = 'curious';
  });
  assert.equal('mood' in parseState(newer), false);
});

test('another version of the document says so', () => {
  const newer = changed(state => {
    state['version'] = 2;
  });
  assert.throws(() => parseState(newer), /the server speaks version 2, this page version 1/);
});

test('no document at all is refused', () => {
  for (const value of [null, undefined, 'state', [], 3]) {
    assert.throws(() => parseState(value), DecodeError);
  }
});

test('a loss that was not finite arrives as null and is kept as a gap', () => {
  const gappy = changed(state => {
    (state.milestones[0] ?? {})['curve'] = [1, null, 0.5];
  });
  assert.deepEqual(parseState(gappy).milestones[0]?.curve, [1, null, 0.5]);
});

test('a completion is understood', () => {
  const completion = parseCompletion({
    module: '01_tensor',
    title: 'Tensor',
    exported: true,
    changed: false,
    passed: 9,
    total: 9,
    complete: true,
    tests: [],
    seconds: 0.5,
    message: 'ok'
  });
  assert.equal(completion.refused, '');
  assert.throws(() => parseCompletion({ module: '01_tensor' }), DecodeError);
});
