import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import type { CourseEvent } from '../src/events';
import { CourseModel, RETRY_SECONDS, SaveTiming } from '../src/model';
import { ApiError, offline, Problem } from '../src/problems';
import type { Completion, State } from '../src/state';
import { lastWon } from '../src/wins';
import { exampleState } from './fixture';

/** A server whose answers the test gives one by one. */
class FakeServer {
  readonly asked: { path: string; track: string }[] = [];
  private readonly waiting: {
    resolve: (state: State) => void;
    reject: (error: Error) => void;
  }[] = [];
  private heard: (event: CourseEvent) => void = () => undefined;

  state(path: string, track: string): Promise<State> {
    this.asked.push({ path, track });
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
    });
  }

  complete(): Promise<Completion> {
    return Promise.reject(new ApiError(offline('no')));
  }

  trust(): Promise<State> {
    return Promise.resolve(course('course', 50));
  }

  setTrack(_path: string, track: string): Promise<State> {
    return Promise.resolve({ ...course('course', 51), track });
  }

  setCheckOnSave(): Promise<void> {
    return Promise.resolve();
  }

  setTheme(): Promise<void> {
    return Promise.resolve();
  }

  listen(heard: (event: CourseEvent) => void): void {
    this.heard = heard;
  }

  async answer(state: State): Promise<void> {
    this.waiting.shift()?.resolve(state);
    await settle();
  }

  async fail(problem: Problem): Promise<void> {
    this.waiting.shift()?.reject(new ApiError(problem));
    await settle();
  }

  emit(change: Partial<CourseEvent>): void {
    this.heard({
      workspace: 'course',
      sequence: 1,
      kind: 'state',
      module: '',
      title: '',
      passed: 0,
      total: 0,
      message: '',
      remedy: '',
      cell: '',
      notebook: '',
      milestone: '',
      seconds: 0,
      ...change
    });
  }
}

function course(path: string, sequence: number): State {
  const state = exampleState();
  return { ...state, sequence, workspace: { ...state.workspace, path } };
}

/** Let every promise that is ready run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) {
    await Promise.resolve();
  }
}

test('a burst of events costs one request under way and one that waits', async () => {
  const server = new FakeServer();
  const model = new CourseModel(server);
  for (let sequence = 1; sequence <= 20; sequence += 1) {
    server.emit({ sequence });
  }
  assert.equal(server.asked.length, 1);
  await server.answer(course('course', 5));
  assert.equal(server.asked.length, 2, 'events during a request are not lost');
  await server.answer(course('course', 20));
  assert.equal(server.asked.length, 2);
  assert.equal(model.state?.sequence, 20);
});

test('an answer that was overtaken is dropped', async () => {
  const server = new FakeServer();
  const model = new CourseModel(server);
  void model.refresh();
  await model.trust();
  assert.equal(model.state?.sequence, 50);
  await server.answer(course('course', 7));
  assert.equal(model.state.sequence, 50);
});

test('events of another course do not fetch, but are heard', async () => {
  const server = new FakeServer();
  const model = new CourseModel(server);
  void model.refresh();
  await server.answer(course('course', 1));
  const heard: string[] = [];
  model.heard.connect((_, event) => heard.push(event.workspace));
  server.emit({ workspace: 'elsewhere' });
  assert.equal(server.asked.length, 1);
  assert.deepEqual(heard, ['elsewhere']);
});

test('a silent server keeps the last state and is asked again, ever more slowly', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const server = new FakeServer();
    const model = new CourseModel(server);
    void model.refresh();
    await server.answer(course('course', 1));
    void model.refresh();
    await server.fail(offline('refused'));
    assert.ok(model.offline);
    assert.equal(model.state?.sequence, 1);
    for (const seconds of [...RETRY_SECONDS.slice(0, 3)]) {
      const before = server.asked.length;
      mock.timers.tick(seconds * 1000 - 1);
      assert.equal(server.asked.length, before);
      mock.timers.tick(1);
      assert.equal(server.asked.length, before + 1);
      await server.fail(offline('refused'));
    }
    void model.refresh();
    await server.answer(course('course', 2));
    assert.equal(model.problem, null);
    const settled = server.asked.length;
    mock.timers.tick(60_000);
    assert.equal(server.asked.length, settled, 'no retry is left behind');
  } finally {
    mock.timers.reset();
  }
});

test('a place without a course shows no state of another', async () => {
  const server = new FakeServer();
  const model = new CourseModel(server);
  void model.refresh();
  await server.answer(course('course', 1));
  model.follow('elsewhere');
  await server.fail({ reason: 'no_workspace', message: '', remedy: '' });
  assert.equal(model.state, null);
  assert.equal(model.problem?.reason, 'no_workspace');
});

test('the current file and the preferred track are asked for', async () => {
  const server = new FakeServer();
  const model = new CourseModel(server);
  model.follow('course/modules/01_tensor.ipynb');
  await server.answer(course('course', 1));
  model.preferTrack('epics');
  assert.deepEqual(server.asked, [
    { path: 'course/modules/01_tensor.ipynb', track: '' },
    { path: 'course/modules/01_tensor.ipynb', track: 'epics' }
  ]);
  await server.answer(course('course', 2));
  model.follow('course/modules/01_tensor.ipynb');
  assert.equal(server.asked.length, 2, 'the same place is not asked for again');
});

test('a hidden folder and a track that is gone still show the course', async () => {
  const warn = mock.method(console, 'warn', () => undefined);
  const server = new FakeServer();
  const model = new CourseModel(server);
  model.follow('.hidden');
  await server.fail({ reason: 'not_found', message: '', remedy: '' });
  await server.answer(course('course', 1));
  assert.equal(model.state?.sequence, 1);
  model.follow('course');
  await server.answer(course('course', 2));
  model.preferTrack('gone');
  await server.fail({ reason: 'unknown_name', message: 'There is no track.', remedy: '' });
  await server.answer(course('course', 3));
  assert.deepEqual(server.asked.at(-1), { path: 'course', track: '' });
  assert.equal(model.problem, null);
  assert.equal(warn.mock.callCount(), 1);
  warn.mock.restore();
});

test('a notebook finds its module in the innermost of nested courses', async () => {
  const server = new FakeServer();
  const model = new CourseModel(server);
  void model.refresh();
  await server.answer(course('', 1));
  void model.refresh();
  await server.answer(course('course', 1));
  const outer = model.moduleAt('modules/01_tensor.ipynb');
  const inner = model.moduleAt('course/modules/01_tensor.ipynb');
  assert.equal(outer?.workspace, '');
  assert.equal(inner?.workspace, 'course');
  assert.equal(inner.module.id, '01_tensor');
  assert.equal(model.moduleAt('course/notebooks/01_perceptron.ipynb'), null);
  assert.equal(model.moduleAt('coursework/modules/01_tensor.ipynb'), null);
});

test('a save is timed until its result is shown', async () => {
  const server = new FakeServer();
  const model = new CourseModel(server);
  void model.refresh();
  await server.answer(course('course', 1));
  model.saved('course/modules/01_tensor.ipynb', performance.now() - 500);
  server.emit({ kind: 'checking', module: '01_tensor' });
  await server.answer(course('course', 2));
  assert.ok(!model.timing, 'not before the check is done');
  server.emit({ kind: 'checked', module: '01_tensor' });
  await server.answer(course('course', 3));
  const timing = model.timing as SaveTiming | null;
  assert.equal(timing?.module, '01_tensor');
  assert.ok(timing.seconds >= 0.5);
});

test('a win is told once, and only if it happened while looking', async () => {
  const server = new FakeServer();
  const model = new CourseModel(server);
  const won: string[] = [];
  model.won.connect((_, win) => won.push(`${win.workspace}: ${win.milestone.id}`));
  const complete = (id: string): State => {
    const state = course('course', 2);
    return {
      ...state,
      milestones: state.milestones.map(milestone =>
        milestone.id === id ? { ...milestone, status: 'complete' } : milestone
      )
    };
  };
  void model.refresh();
  await server.answer(course('course', 1));
  assert.deepEqual(won, [], 'what was won before the page was opened is no news');
  void model.refresh();
  await server.answer(complete('perceptron'));
  void model.refresh();
  await server.answer(complete('perceptron'));
  assert.deepEqual(won, ['course: perceptron']);
  void model.refresh();
  await server.answer({ ...course('course', 3), track: 'epics', milestones: [] });
  void model.refresh();
  await server.answer(complete('perceptron'));
  assert.deepEqual(won, ['course: perceptron'], 'nor is what another track shows');
});

test('what was won last is what was completed last', () => {
  const state = exampleState();
  assert.equal(lastWon(state)?.id, 'machines-can-see');
  const earlier = { ...state.milestones[2], id: 'earlier', completed: '2025-01-01T00:00:00Z' };
  const milestones = [...state.milestones, earlier as (typeof state.milestones)[number]];
  assert.equal(lastWon({ ...state, milestones })?.id, 'machines-can-see');
  assert.equal(lastWon({ ...state, milestones: [] }), undefined);
});

test('a check that fails to start leaves no module busy', async () => {
  const server = new FakeServer();
  const model = new CourseModel(server);
  const done = model.complete('course', '01_tensor');
  assert.ok(model.isBusy('01_tensor'));
  await assert.rejects(done, ApiError);
  assert.ok(!model.isBusy('01_tensor'));
});
