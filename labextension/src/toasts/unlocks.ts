/**
 * Milestones that were unlocked and not begun since.
 */

import type { CourseEvent } from '../events';

export class Unlocks {
  /** Remember one. When another part of it is unlocked, the newer event is kept. */
  add(event: CourseEvent): void {
    const key = keyOf(event.workspace, event.milestone);
    this.waiting.delete(key);
    this.waiting.set(key, event);
  }

  /** It was begun or won. */
  remove(workspace: string, milestone: string): void {
    this.waiting.delete(keyOf(workspace, milestone));
  }

  /** All of a course were told, and one of them was begun. */
  clear(workspace: string): void {
    for (const event of this.of(workspace)) {
      this.remove(workspace, event.milestone);
    }
  }

  /** What waits in a course, oldest first. */
  of(workspace: string): CourseEvent[] {
    return [...this.waiting.values()].filter(event => event.workspace === workspace);
  }

  private readonly waiting = new Map<string, CourseEvent>();
}

function keyOf(workspace: string, milestone: string): string {
  return `${workspace}/${milestone}`;
}
