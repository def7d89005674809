/**
 * The only code that talks to the TinyTorch server extension.
 */

import { URLExt } from '@jupyterlab/coreutils';
import { Event, ServerConnection } from '@jupyterlab/services';

import { CourseEvent, parseEvent } from './events';
import { ApiError, offline, problemOf } from './problems';
import { Completion, parseCompletion, parseState, State } from './state';

export * from './state';

const ROOT = 'tinytorch';

/** What the page asks of the server. */
export interface ICourseApi {
  /** The state of the course that a file or folder belongs to; `path` is a contents path. */
  state(path: string, track: string): Promise<State>;
  /** Export a module and run its tests. */
  complete(path: string, module: string): Promise<Completion>;
  /** Allow this course's code to be checked without being asked each time. */
  trust(path: string): Promise<State>;
  /** Set the track of the course. */
  setTrack(path: string, track: string): Promise<State>;
  /** Tell the server whether a save is followed by a check. */
  setCheckOnSave(checkOnSave: boolean): Promise<void>;
  /** Tell the server which theme figures should follow. */
  setTheme(theme: 'light' | 'dark'): Promise<void>;
  /** Call `heard` for every event of a course. */
  listen(heard: (event: CourseEvent) => void): void;
}

/** The API over HTTP and Jupyter's event bus. */
export class CourseApi implements ICourseApi {
  constructor(
    private readonly events: Event.IManager,
    private readonly settings = ServerConnection.makeSettings()
  ) {}

  async state(path: string, track: string): Promise<State> {
    const query = URLExt.objectToQueryString(track ? { path, track } : { path });
    return parseState(await this.request('state', query));
  }

  async complete(path: string, module: string): Promise<Completion> {
    return parseCompletion(await this.request('complete', '', { path, module }));
  }

  async trust(path: string): Promise<State> {
    return parseState(await this.request('trust', '', { path }));
  }

  async setTrack(path: string, track: string): Promise<State> {
    return parseState(await this.request('track', '', { path, track }));
  }

  async setCheckOnSave(checkOnSave: boolean): Promise<void> {
    await this.request('settings', '', { check_on_save: checkOnSave });
  }

  async setTheme(theme: 'light' | 'dark'): Promise<void> {
    await this.request('appearance', '', { theme });
  }

  listen(heard: (event: CourseEvent) => void): void {
    this.events.stream.connect((_, emission) => {
      const event = parseEvent(emission);
      if (event) {
        heard(event);
      }
    });
  }

  /** GET, or POST when there is a body; throws an ApiError with what the server said. */
  private async request(
    endpoint: string,
    query: string,
    body?: Record<string, unknown>
  ): Promise<unknown> {
    const url = URLExt.join(this.settings.baseUrl, ROOT, endpoint) + query;
    const init: RequestInit = body
      ? { method: 'POST', body: JSON.stringify(body) }
      : { method: 'GET', cache: 'no-store' };
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, init, this.settings);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      throw new ApiError(offline(detail));
    }
    const answer = await response.text();
    if (!response.ok) {
      throw new ApiError(problemOf(response.status, answer));
    }
    try {
      return answer ? (JSON.parse(answer) as unknown) : {};
    } catch {
      throw new ApiError(problemOf(response.status, answer));
    }
  }
}
