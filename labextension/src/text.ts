/**
 * The words of the interface that depend on the state: numbers, times and statuses.
 */

import type { TranslationBundle } from '@jupyterlab/translation';

import type {
  AttemptState,
  CheckpointState,
  MilestoneState,
  ModuleState,
  PartState,
  RunningState,
  State,
  TestState
} from './state';

/** "0.4 s", "14 s", "2 min 5 s": wall time. */
export function duration(seconds: number, trans: TranslationBundle): string {
  if (seconds < 0.05) {
    return trans.__('under 0.1 s');
  }
  if (seconds < 9.95) {
    return trans.__('%1 s', seconds.toFixed(1));
  }
  const whole = Math.round(seconds);
  if (whole < 60) {
    return trans.__('%1 s', String(whole));
  }
  if (whole < 3600) {
    const rest = whole % 60;
    const minutes = String(Math.floor(whole / 60));
    return rest ? trans.__('%1 min %2 s', minutes, String(rest)) : trans.__('%1 min', minutes);
  }
  const minutes = Math.round(whole / 60);
  return trans.__('%1 h %2 min', String(Math.floor(minutes / 60)), String(minutes % 60));
}

/** "0:21": time left on a clock. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, '0');
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

/** "now", "3 min. ago", "yesterday"; empty for a time that cannot be read. */
export function ago(iso: string, now: number, locale?: string): string {
  const then = Date.parse(iso);
  if (Number.isNaN(then)) {
    return '';
  }
  const seconds = Math.round((then - now) / 1000);
  const format = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'short' });
  const units: [Intl.RelativeTimeFormatUnit, number][] = [
    ['second', 1],
    ['minute', 60],
    ['hour', 3600],
    ['day', 86400],
    ['month', 2629800],
    ['year', 31557600]
  ];
  // A clock that runs a little ahead of this one is not the future.
  const past = Math.min(0, seconds);
  let chosen = units[0] as [Intl.RelativeTimeFormatUnit, number];
  for (const unit of units) {
    if (Math.abs(past) >= unit[1]) {
      chosen = unit;
    }
  }
  if (chosen[0] === 'second') {
    return format.format(0, 'second');
  }
  return format.format(Math.round(past / chosen[1]), chosen[0]);
}

/** "12:04:31" today, with the date before today; empty for a time that cannot be read. */
export function timeOfDay(iso: string, now: number, locale?: string): string {
  const then = new Date(iso);
  if (Number.isNaN(then.getTime())) {
    return '';
  }
  const time = then.toLocaleTimeString(locale, { hourCycle: 'h23' });
  const today = then.toDateString() === new Date(now).toDateString();
  return today ? time : `${then.toLocaleDateString(locale)} ${time}`;
}

/** "3 of 6 milestones". */
export function milestonesDone(state: State, trans: TranslationBundle): string {
  return trans.__(
    '%1 of %2 milestones',
    String(state.milestones_complete),
    String(state.milestones.length)
  );
}

/** "modules 9 of 21". */
export function modulesDone(state: State, trans: TranslationBundle): string {
  return trans.__('modules %1 of %2', String(state.modules_complete), String(state.modules.length));
}

/** "TinyTorch 3/21 · next: Run Rosenblatt's perceptron". */
export function statusLine(state: State, trans: TranslationBundle): string {
  const done = `${state.modules_complete}/${state.modules.length}`;
  return state.next.kind === 'done'
    ? trans.__('TinyTorch %1 · all done', done)
    : trans.__('TinyTorch %1 · next: %2', done, state.next.title);
}

/** "epoch 3 of 8 · 0:21 left", or the step where there are no epochs. */
export function runProgress(running: RunningState, trans: TranslationBundle): string {
  const where =
    running.epochs > 1
      ? trans.__('epoch %1 of %2', String(running.epoch), String(running.epochs))
      : trans.__('step %1 of %2', String(running.step), String(running.steps));
  return running.seconds_left === null
    ? where
    : trans.__('%1 · %2 left', where, clock(running.seconds_left));
}

/** "4 of 9 checkpoints · 44 %"; null for a milestone without checkpoints. */
export function checkpointsLine(
  milestone: MilestoneState,
  trans: TranslationBundle
): string | null {
  const { checkpoints, percent } = milestone;
  if (!checkpoints.length) {
    return null;
  }
  const passed = checkpoints.filter(checkpoint => checkpoint.status === 'passed').length;
  // All of it is said only of all of it.
  const share = percent >= 1 ? 100 : Math.min(99, Math.round(100 * percent));
  return trans.__(
    '%1 of %2 checkpoints · %3 %',
    String(passed),
    String(checkpoints.length),
    String(share)
  );
}

export function checkpointStatus(checkpoint: CheckpointState, trans: TranslationBundle): string {
  switch (checkpoint.status) {
    case 'passed':
      return trans.__('passed');
    case 'failed':
      return trans.__('failed');
    case 'ready':
      return trans.__('not tried');
    case 'locked':
      return trans.__('locked');
    case 'coming':
      return trans.__('coming');
  }
}

/** What stands under a ready station's title, beside its Run. */
export function readyLine(milestone: MilestoneState, trans: TranslationBundle): string {
  return milestone.parts_complete > 0
    ? trans.__(
        '%1 of %2 parts complete',
        String(milestone.parts_complete),
        String(milestone.parts.length)
      )
    : trans.__('ready to run');
}

/** What stands under a station's title; null when links or a button stand there instead. */
export function stationLine(milestone: MilestoneState, trans: TranslationBundle): string | null {
  switch (milestone.status) {
    case 'complete': {
      const time = milestone.seconds === null ? '' : duration(milestone.seconds, trans);
      return [milestone.score_text, time].filter(Boolean).join(' · ') || trans.__('complete');
    }
    case 'running':
      return milestone.running
        ? trans.__('running · %1', runProgress(milestone.running, trans))
        : trans.__('running');
    case 'ready':
      return null;
    case 'locked':
      return milestone.missing.length ? null : trans.__('locked');
    case 'coming':
      return trans.__('coming');
  }
}

/** A station as a screen reader says it. */
export function stationLabel(milestone: MilestoneState, trans: TranslationBundle): string {
  const line =
    stationLine(milestone, trans) ??
    (milestone.status === 'ready'
      ? readyLine(milestone, trans)
      : trans.__('locked, needs modules %1', milestone.missing.map(numberOf).join(', ')));
  const status = milestone.status === 'complete' ? trans.__('complete, %1', line) : line;
  const far = milestone.status === 'complete' ? null : checkpointsLine(milestone, trans);
  return `${milestone.year}, ${milestone.title}: ${[status, far].filter(Boolean).join(', ')}`;
}

export function partStatus(part: PartState, trans: TranslationBundle): string {
  switch (part.status) {
    case 'complete':
      return trans.__('complete');
    case 'running':
      return trans.__('running');
    case 'ready':
      return trans.__('ready');
    case 'locked':
      return part.missing.length
        ? trans.__('needs %1', part.missing.map(numberOf).join(' '))
        : trans.__('locked');
    case 'coming':
      return trans.__('coming');
  }
}

/** The one state of a module. */
export function moduleLine(module: ModuleState, trans: TranslationBundle): string {
  const tests = `${module.tests_passed}/${module.tests_total}`;
  switch (module.status) {
    case 'complete':
      return module.tests_total ? tests : trans.__('complete');
    case 'checking':
      return trans.__('checking…');
    case 'recheck':
      return trans.__('changed, re-checking…');
    case 'in_progress':
      if (module.problem) {
        return trans.__('not exported');
      }
      return module.tests_total ? trans.__('%1 tests', tests) : trans.__('in progress');
    case 'not_started':
      return trans.__('not started');
    case 'coming':
      return trans.__('coming');
  }
}

/** A module as a screen reader says it. */
export function moduleLabel(module: ModuleState, trans: TranslationBundle): string {
  const tests = trans.__('%1 of %2 tests', String(module.tests_passed), String(module.tests_total));
  let status = moduleLine(module, trans);
  if (module.status === 'complete') {
    status = module.tests_total ? trans.__('complete, %1', tests) : trans.__('complete');
  } else if (module.status === 'in_progress' && module.tests_total && !module.problem) {
    status = trans.__('in progress, %1', tests);
  }
  return `${module.number} ${module.title}: ${status}`;
}

export function testStatus(test: TestState, trans: TranslationBundle): string {
  switch (test.status) {
    case 'passed':
      return trans.__('passed');
    case 'failed':
      return trans.__('failed');
    case 'not_yet':
      return trans.__('not yet');
    case 'missing':
      return trans.__('no result');
  }
}

export function attemptResult(attempt: AttemptState, trans: TranslationBundle): string {
  switch (attempt.result) {
    case 'passed':
      return attempt.credited ? trans.__('passed') : trans.__('passed, not credited');
    case 'failed':
      return trans.__('failed');
    case 'interrupted':
      return trans.__('stopped');
    case 'error':
      return trans.__('error');
    case 'running':
      return trans.__('running');
  }
}

/** "01" of "01_tensor". */
export function numberOf(id: string): string {
  return /^\d+/.exec(id)?.[0] ?? id;
}

/** One module number, or a run of three and more as "14–19", with the id a click should open. */
export interface NumberLink {
  readonly label: string;
  readonly id: string;
}

/** Module ids as short links: 11 12 13 becomes 11–13. */
export function numberLinks(ids: readonly string[]): NumberLink[] {
  const links: NumberLink[] = [];
  for (let start = 0; start < ids.length;) {
    let end = start;
    while (end + 1 < ids.length && follows(ids[end] ?? '', ids[end + 1] ?? '')) {
      end += 1;
    }
    const first = ids[start] ?? '';
    if (end - start >= 2) {
      links.push({ label: `${numberOf(first)}–${numberOf(ids[end] ?? '')}`, id: first });
      start = end + 1;
    } else {
      links.push({ label: numberOf(first), id: first });
      start += 1;
    }
  }
  return links;
}

function follows(before: string, after: string): boolean {
  return Number(numberOf(after)) === Number(numberOf(before)) + 1;
}
