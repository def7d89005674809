/**
 * What the page knows of the course: one state, kept fresh by events, and the actions on it.
 */

import { ISignal, Signal } from '@lumino/signaling';

import type { Completion, ICourseApi, MilestoneState, ModuleState, State } from './api';
import type { CourseEvent } from './events';
import { joinPath, workspaceOf } from './paths';
import { asProblem, Problem } from './problems';
import { newlyComplete } from './wins';

/** Seconds to wait before asking a silent server again; the last one repeats. */
export const RETRY_SECONDS = [1, 2, 4, 8, 15, 30];

/** A module together with the course it belongs to. */
export interface ModulePlace {
  readonly workspace: string;
  readonly module: ModuleState;
}

/** A milestone that was won, together with the course it belongs to. */
export interface Win {
  readonly workspace: string;
  readonly milestone: MilestoneState;
}

/** When the result of a save was on screen, measured in this page. */
export interface SaveTiming {
  readonly module: string;
  readonly seconds: number;
}

/** The one model behind panel, toasts, toolbar, status bar and commands. */
export class CourseModel {
  constructor(private readonly api: ICourseApi) {
    api.listen(event => {
      this.onEvent(event);
    });
  }

  /** The state or anything else shown has changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** An event of any course arrived. */
  get heard(): ISignal<this, CourseEvent> {
    return this._heard;
  }

  /** A milestone became complete while this page was looking. */
  get won(): ISignal<this, Win> {
    return this._won;
  }

  /** The last state received; kept while the server is silent. */
  get state(): State | null {
    return this._state;
  }

  /** Why there is no fresh state; null when there is one. */
  get problem(): Problem | null {
    return this._problem;
  }

  get offline(): boolean {
    return this._problem?.reason === 'offline';
  }

  /** How long the last save of a module took to show its result; null before the first. */
  get timing(): SaveTiming | null {
    return this._timing;
  }

  /** Whether this page is waiting for a check of that module that it asked for. */
  isBusy(module: string): boolean {
    return this.busy.has(module);
  }

  /** Show the course that this file or folder belongs to. */
  follow(path: string): void {
    if (path !== this.path) {
      this.path = path;
      void this.refresh();
    }
  }

  /** Prefer this track over the one the course was last set to; empty for no preference. */
  preferTrack(track: string): void {
    if (track !== this.track) {
      this.track = track;
      void this.refresh();
    }
  }

  /**
   * Fetch the state. At most one request is under way and one waits for it, however many events
   * ask: the one that waits starts after the last of them, so it cannot miss what they announced.
   */
  refresh(): Promise<void> {
    if (this.underWay) {
      this.again ??= this.underWay.then(() => {
        this.again = null;
        return this.refresh();
      });
      return this.again;
    }
    const done = this.fetch().finally(() => {
      this.underWay = null;
    });
    this.underWay = done;
    return done;
  }

  /** Tell the server whether a save is followed by a check; tried again with the next change. */
  setCheckOnSave(checkOnSave: boolean): void {
    if (checkOnSave !== this.checkOnSave) {
      this.checkOnSave = checkOnSave;
      this.api.setCheckOnSave(checkOnSave).catch((error: unknown) => {
        this.checkOnSave = null;
        console.warn('TinyTorch: the server was not told about check on save', error);
      });
    }
  }

  /** Export a module and run its tests; throws an ApiError. Its result arrives as events too. */
  async complete(workspace: string, module: string): Promise<Completion> {
    this.busy.add(module);
    this._changed.emit();
    try {
      return await this.api.complete(workspace, module);
    } finally {
      this.busy.delete(module);
      this._changed.emit();
      void this.refresh();
    }
  }

  /** Trust the course on screen; throws an ApiError. */
  async trust(): Promise<void> {
    const ticket = this.take();
    this.accept(ticket, await this.api.trust(this.workspacePath));
  }

  /** Set the track of the course on screen; throws an ApiError. */
  async switchTrack(track: string): Promise<void> {
    const ticket = this.take();
    if (this.track) {
      this.track = track;
    }
    this.accept(ticket, await this.api.setTrack(this.workspacePath, track));
  }

  /** The module a notebook belongs to, in any course seen so far; `path` is a contents path. */
  moduleAt(path: string): ModulePlace | null {
    const state = this.courseOf(path);
    const module = state?.modules.find(
      candidate =>
        candidate.notebook !== '' && joinPath(state.workspace.path, candidate.notebook) === path
    );
    return state && module ? { workspace: state.workspace.path, module } : null;
  }

  /** The course seen so far that a file belongs to, the innermost one where they are nested. */
  courseOf(path: string): State | null {
    const workspace = workspaceOf(path, [...this.known.keys()]);
    return workspace === null ? null : (this.known.get(workspace) ?? null);
  }

  module(id: string): ModuleState | undefined {
    return this._state?.modules.find(module => module.id === id || module.number === id);
  }

  milestone(id: string): MilestoneState | undefined {
    return this._state?.milestones.find(milestone => milestone.id === id);
  }

  /** Remember when a module notebook was saved here, to say how long its result took. */
  saved(path: string, now = performance.now()): void {
    const place = this.moduleAt(path);
    if (place) {
      this.saves.set(joinPath(place.workspace, place.module.id), now);
    }
  }

  private get workspacePath(): string {
    return this._state?.workspace.path ?? this.path;
  }

  private onEvent(event: CourseEvent): void {
    const concernsUs = !this._state || event.workspace === this._state.workspace.path;
    if (concernsUs) {
      const settled = event.kind === 'checked' || event.kind === 'refused';
      void this.refresh().then(() => {
        if (settled) {
          this.stopTheClock(event);
        }
      });
    }
    this._heard.emit(event);
  }

  private stopTheClock(event: CourseEvent): void {
    const key = joinPath(event.workspace, event.module);
    const since = this.saves.get(key);
    if (since !== undefined) {
      this.saves.delete(key);
      this._timing = { module: event.module, seconds: (performance.now() - since) / 1000 };
      this._changed.emit();
    }
  }

  private async fetch(): Promise<void> {
    const ticket = this.take();
    clearTimeout(this.retry);
    try {
      this.accept(ticket, await this.ask());
    } catch (error) {
      this.refuse(ticket, asProblem(error));
    }
  }

  /** Ask for the state; a hidden folder or a track that is gone is no reason to show nothing. */
  private async ask(): Promise<State> {
    const { path, track } = this;
    try {
      return await this.api.state(path, track);
    } catch (error) {
      const { reason, message } = asProblem(error);
      if (reason === 'unknown_name' && track) {
        console.warn(`TinyTorch: ${message}`);
        return this.api.state(path, '');
      }
      if (reason === 'not_found' && path) {
        return this.api.state('', track);
      }
      throw error;
    }
  }

  /** A number for a request, so that an answer that was overtaken by a later one is dropped. */
  private take(): number {
    this.tickets += 1;
    return this.tickets;
  }

  private accept(ticket: number, state: State): void {
    if (ticket < this.shown) {
      return;
    }
    this.shown = ticket;
    this.failures = 0;
    this._problem = null;
    if (this._state && this._state.workspace.path !== state.workspace.path) {
      this._timing = null;
    }
    const wins = newlyComplete(this.known.get(state.workspace.path), state);
    this._state = state;
    this.known.set(state.workspace.path, state);
    this._changed.emit();
    for (const milestone of wins) {
      this._won.emit({ workspace: state.workspace.path, milestone });
    }
  }

  private refuse(ticket: number, problem: Problem): void {
    if (ticket < this.shown) {
      return;
    }
    this.shown = ticket;
    this._problem = problem;
    if (problem.reason === 'offline') {
      const seconds = RETRY_SECONDS[Math.min(this.failures, RETRY_SECONDS.length - 1)] ?? 30;
      this.failures += 1;
      this.retry = setTimeout(() => void this.refresh(), seconds * 1000);
    } else {
      // What the last state said is no longer known to be true of this place.
      this._state = null;
    }
    this._changed.emit();
  }

  private _state: State | null = null;
  private _problem: Problem | null = null;
  private _timing: SaveTiming | null = null;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _won = new Signal<this, Win>(this);
  private readonly _heard = new Signal<this, CourseEvent>(this);
  private readonly known = new Map<string, State>();
  private readonly saves = new Map<string, number>();
  private readonly busy = new Set<string>();
  private path = '';
  private track = '';
  private checkOnSave: boolean | null = null;
  private tickets = 0;
  private shown = 0;
  private failures = 0;
  private underWay: Promise<void> | null = null;
  private again: Promise<void> | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;
}
