/** What was won between two states of a course. */

import type { MilestoneState, State } from './state';

/**
 * The milestones that are complete now and were not before. One that was not in sight before, in
 * another track, is no news.
 */
export function newlyComplete(before: State | undefined, after: State): MilestoneState[] {
  const open = new Set(
    before?.milestones.filter(known => known.status !== 'complete').map(known => known.id)
  );
  return after.milestones.filter(now => now.status === 'complete' && open.has(now.id));
}

/** The milestone that was completed last, if there is one. */
export function lastWon(state: State): MilestoneState | undefined {
  return state.milestones
    .filter(milestone => milestone.status === 'complete')
    .sort((a, b) => a.completed.localeCompare(b.completed))
    .at(-1);
}
