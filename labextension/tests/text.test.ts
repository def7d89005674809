import assert from 'node:assert/strict';
import { test } from 'node:test';

import { comparison, gateLabel, gateValue } from '../src/gates';
import { sparkPath } from '../src/spark';
import type { GateState, MilestoneState, ModuleState } from '../src/state';
import * as text from '../src/text';
import { exampleState } from './fixture';
import { trans } from './trans';

const NOW = Date.parse('2026-03-02T12:10:00Z');

function milestone(change: Partial<MilestoneState>): MilestoneState {
  const first = exampleState().milestones[0];
  assert.ok(first);
  return { ...first, ...change };
}

function module(change: Partial<ModuleState>): ModuleState {
  const first = exampleState().modules[0];
  assert.ok(first);
  return { ...first, ...change };
}

test('durations read as people say them', () => {
  const cases: [number, string][] = [
    [0.01, 'under 0.1 s'],
    [0.4, '0.4 s'],
    [9.94, '9.9 s'],
    [9.96, '10 s'],
    [14.2, '14 s'],
    [59.6, '1 min'],
    [125, '2 min 5 s'],
    [3599.7, '1 h 0 min'],
    [7260, '2 h 1 min']
  ];
  for (const [seconds, words] of cases) {
    assert.equal(text.duration(seconds, trans), words);
  }
});

test('time left is a clock that never shows 0:00 before the end', () => {
  assert.equal(text.clock(21.5), '0:22');
  assert.equal(text.clock(0.1), '0:01');
  assert.equal(text.clock(-3), '0:00');
  assert.equal(text.clock(3725), '1:02:05');
});

test('how long ago', () => {
  const at = (iso: string): string => text.ago(iso, NOW, 'en');
  assert.equal(at('2026-03-02T12:09:40Z'), 'now');
  assert.equal(at('2026-03-02T12:07:00Z'), '3 min. ago');
  assert.equal(at('2026-03-02T10:10:00Z'), '2 hr. ago');
  assert.equal(at('2026-03-01T12:00:00Z'), 'yesterday');
  assert.equal(at('2026-03-02T12:11:00Z'), 'now', 'a clock that runs ahead is not the future');
  assert.equal(at('soon'), '');
});

test('when it was checked', () => {
  const iso = new Date(2026, 2, 2, 12, 4, 31).toISOString();
  const sameDay = new Date(2026, 2, 2, 18).getTime();
  const nextDay = new Date(2026, 2, 3, 9).getTime();
  assert.equal(text.timeOfDay(iso, sameDay, 'en-GB'), '12:04:31');
  assert.equal(text.timeOfDay(iso, nextDay, 'en-GB'), '02/03/2026 12:04:31');
  assert.equal(text.timeOfDay('', sameDay), '');
});

test('how far', () => {
  const state = exampleState();
  assert.equal(text.milestonesDone(state, trans), '1 of 4 milestones');
  assert.equal(text.modulesDone(state, trans), 'modules 2 of 21');
  assert.equal(text.statusLine(state, trans), 'TinyTorch 2/21 · next: Continue 02 Activations');
  state.next = { ...state.next, kind: 'done' };
  assert.equal(text.statusLine(state, trans), 'TinyTorch 2/21 · all done');
});

test('a station says its state', () => {
  const line = (change: Partial<MilestoneState>): string | null =>
    text.stationLine(milestone(change), trans);
  assert.equal(line({ status: 'complete', score_text: '100 %', seconds: 0.4 }), '100 % · 0.4 s');
  assert.equal(line({ status: 'complete', score_text: '', seconds: null }), 'complete');
  assert.equal(line({}), 'running · epoch 3 of 8 · 0:22 left');
  assert.equal(line({ running: null }), 'running');
  assert.equal(line({ status: 'locked', missing: ['02_activations'] }), null);
  assert.equal(line({ status: 'coming' }), 'coming');
  assert.equal(text.readyLine(milestone({ parts_complete: 1 }), trans), '1 of 2 parts complete');
  assert.equal(text.readyLine(milestone({ parts_complete: 0 }), trans), 'ready to run');
});

test('every station has words for a screen reader', () => {
  const label = (change: Partial<MilestoneState>): string =>
    text.stationLabel(milestone({ title: 'LeNet', year: 1998, ...change }), trans);
  assert.equal(
    label({ status: 'complete', score_text: '98 %', seconds: null }),
    '1998, LeNet: complete, 98 %'
  );
  assert.equal(
    label({ status: 'locked', missing: ['04_losses', '09_convolutions'] }),
    '1998, LeNet: locked, needs modules 04, 09'
  );
  assert.equal(label({ status: 'ready', parts_complete: 0 }), '1998, LeNet: ready to run');
  assert.equal(label({ status: 'coming' }), '1998, LeNet: coming');
});

test('checkpoints are counted in words', () => {
  const counted = exampleState().milestones[3];
  assert.ok(counted);
  assert.equal(text.checkpointsLine(counted, trans), '2 of 5 checkpoints · 40 %');
  const almost = { ...counted, percent: 0.999 };
  assert.equal(text.checkpointsLine(almost, trans), '2 of 5 checkpoints · 99 %');
  assert.equal(text.checkpointsLine(milestone({}), trans), null);
  assert.equal(
    text.stationLabel(counted, trans),
    '1989, Basic inference: locked, needs modules 02, 03, 04, 2 of 5 checkpoints · 40 %'
  );
  assert.deepEqual(
    counted.checkpoints.map(checkpoint => text.checkpointStatus(checkpoint, trans)),
    ['passed', 'passed', 'failed', 'not tried', 'locked']
  );
});

test('a step stands in for epochs', () => {
  const running = { part: 'x', step: 5, steps: 9, seconds_left: null, epoch: 0, epochs: 0 };
  assert.equal(text.runProgress(running, trans), 'step 5 of 9');
});

test('a module has one state', () => {
  const line = (change: Partial<ModuleState>): string => text.moduleLine(module(change), trans);
  assert.equal(line({}), '9/9');
  assert.equal(line({ status: 'in_progress', tests_passed: 4 }), '4/9 tests');
  assert.equal(line({ status: 'in_progress', tests_total: 0 }), 'in progress');
  assert.equal(line({ status: 'in_progress', problem: 'syntax error' }), 'not exported');
  assert.equal(line({ status: 'recheck' }), 'changed, re-checking…');
  assert.equal(line({ status: 'not_started' }), 'not started');
  assert.equal(line({ status: 'coming' }), 'coming');
  assert.equal(text.moduleLabel(module({}), trans), '00 Set up: complete, 9 of 9 tests');
});

test('module numbers become short links', () => {
  const labels = (...ids: string[]): string[] => text.numberLinks(ids).map(link => link.label);
  assert.deepEqual(labels('11_a', '12_b'), ['11', '12']);
  assert.deepEqual(labels('14_a', '15_b', '16_c', '18_d'), ['14–16', '18']);
  assert.deepEqual(labels('01_a', '03_b', '04_c', '05_d'), ['01', '03–05']);
  assert.equal(text.numberLinks(['14_a', '15_b', '16_c'])[0]?.id, '14_a');
  assert.deepEqual(labels(), []);
});

test('a gate shows measured and required', () => {
  const gate: GateState = {
    id: 'accuracy',
    title: 'accuracy',
    required: '>= 90 %',
    measured: '96.1 %',
    passed: true,
    hint: '',
    module: ''
  };
  assert.equal(gateValue(gate, trans), '96.1 % ≥ 90 %');
  const failed = { ...gate, measured: '72 %', passed: false };
  assert.equal(gateValue(failed, trans), '72 %, needs ≥ 90 %');
  assert.equal(
    gateLabel(failed, trans),
    'accuracy: failed, measured 72 %, required ≥ 90 %'
  );
  const waiting = { ...gate, measured: '', passed: null };
  assert.equal(gateValue(waiting, trans), '≥ 90 %');
  assert.equal(gateLabel(waiting, trans), 'accuracy: waiting, required ≥ 90 %');
  assert.equal(comparison('<= 75 %'), '≤ 75 %');
});

test('a sparkline spans its box and leaves gaps', () => {
  assert.equal(sparkPath([2, 1], 12, 10), 'M1.0 1.0L11.0 9.0');
  assert.equal(sparkPath([2, null, 1, 1.5], 13, 10, 2), 'M2.0 2.0M8.0 8.0L11.0 5.0');
  assert.equal(sparkPath([1], 10, 10), '');
  assert.equal(sparkPath([null, null, 3], 10, 10), '');
  assert.ok(!sparkPath([1, 1, 1], 10, 10).includes('NaN'));
});
