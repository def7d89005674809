/**
 * What an event says, once for the toast and once for a screen reader.
 */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { CourseEvent } from '../events';
import type { Completion, MilestoneState, TestState } from '../state';

/** Lab cuts a toast's text at 140 characters; we cut at a word and say that something is missing. */
const LONGEST = 138;

export function shorten(words: string, longest = LONGEST): string {
  const line = words.replace(/\s+/g, ' ').trim();
  if (line.length <= longest) {
    return line;
  }
  const cut = line.slice(0, longest - 1);
  const space = cut.lastIndexOf(' ');
  return `${space > longest / 2 ? cut.slice(0, space) : cut}…`;
}

/** Whether the check an event reports passed altogether. */
export function allPassed(event: CourseEvent): boolean {
  return event.kind === 'checked' && event.total > 0 && event.passed >= event.total;
}

/** "02 Activations", whether or not the event's title begins with the number. */
function titled(event: CourseEvent): string {
  const title = event.title || event.module || event.milestone;
  const number = /^\d+/.exec(event.module)?.[0] ?? '';
  return !number || title.startsWith(number) ? title : `${number} ${title}`;
}

/** The sentence of an event; empty for events that say nothing by themselves. */
export function sentence(event: CourseEvent, trans: TranslationBundle): string {
  const title = titled(event);
  switch (event.kind) {
    case 'checked': {
      const counts = [String(event.passed), String(event.total), title] as const;
      const line = allPassed(event)
        ? trans.__('%1 of %2 tests passed in %3', ...counts)
        : trans.__('%1 of %2 tests pass in %3', ...counts);
      return event.message && !allPassed(event) ? `${line}: ${event.message}` : line;
    }
    case 'refused': {
      const line = trans.__('%1 was not exported', title);
      return [`${line}.`, event.message, event.remedy].filter(Boolean).join(' ');
    }
    case 'unlocked':
      return trans.__('Milestone unlocked: %1', title);
    case 'checking':
    case 'state':
    case 'milestone':
      return '';
  }
}

/** What is said of several milestones that were unlocked: as many of their names as find room. */
export function unlockedSentence(
  events: readonly CourseEvent[],
  trans: TranslationBundle,
  longest = LONGEST
): string {
  const count = String(events.length);
  // without the years, to have room for more of them
  const names = events.map(event => titled(event).replace(/, \d{4}$/, ''));
  const all = trans.__('%1 milestones unlocked: %2', count, names.join(', '));
  if (all.length <= longest) {
    return all;
  }
  let shown = names.length;
  let words: string;
  do {
    shown -= 1;
    const some = names.slice(0, shown).join(', ');
    const left = String(names.length - shown);
    words = trans.__('%1 milestones unlocked: %2, and %3 more', count, some, left);
  } while (words.length > longest && shown > 1);
  return words;
}

/** What is said when a milestone was won. */
export function winSentence(milestone: MilestoneState, trans: TranslationBundle): string {
  const line = trans.__('Milestone complete: %1, %2', milestone.title, String(milestone.year));
  return milestone.says ? `${line}. “${milestone.says}”` : line;
}

/** The event that a completion amounts to, for when the event itself did not arrive. */
export function eventOf(workspace: string, completion: Completion): CourseEvent {
  const failed: TestState | undefined = completion.tests.find(test => !test.passed);
  return {
    workspace,
    sequence: 0,
    kind: completion.refused ? 'refused' : 'checked',
    module: completion.module,
    title: completion.title,
    passed: completion.passed,
    total: completion.total,
    message: completion.refused || failed?.message || '',
    remedy: completion.remedy,
    cell: completion.cell_id || failed?.cell_id || '',
    notebook: '',
    milestone: '',
    seconds: completion.seconds
  };
}
