/**
 * Toasts: at most one at a time for one cause, kept up to date instead of piled up.
 */

import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import type { Completion } from '../api';
import type { CourseEvent } from '../events';
import { CommandIDs } from '../ids';
import type { CourseModel, Win } from '../model';
import { joinPath } from '../paths';
import type { Preferences } from '../preferences';
import type { Problem } from '../problems';
import { allPassed, eventOf, sentence, shorten, winSentence } from './words';

/** How long a toast that asks for nothing stays, in milliseconds. */
const QUIET = 4000;

type Type = 'success' | 'warning' | 'error' | 'info';

export class CourseToasts {
  constructor(private readonly options: CourseToasts.IOptions) {
    options.model.heard.connect((_, event) => {
      this.onEvent(event);
    }, this);
    options.model.won.connect((_, win) => {
      this.onWin(win);
    }, this);
  }

  /** A check asked for in this page is done: say so even if its event got lost. */
  completed(workspace: string, completion: Completion): void {
    this.onEvent(eventOf(workspace, completion));
  }

  /** A milestone was started: its invitation is out of date. */
  started(workspace: string, milestone: string): void {
    this.dismiss(unlockCause(workspace, milestone));
  }

  /** Something the user asked for did not work. Shown whatever the settings say. */
  failure(what: string, problem: Problem): void {
    const { trans } = this.options;
    const reason =
      problem.reason === 'offline'
        ? trans.__('The server does not answer.')
        : [problem.message, problem.remedy].filter(Boolean).join(' ');
    this.show(`failure/${what}`, `${what}: ${reason}`, 'error', { autoClose: false });
  }

  private onEvent(event: CourseEvent): void {
    const { preferences, trans } = this.options;
    if (event.kind === 'milestone') {
      this.dismiss(unlockCause(event.workspace, event.milestone));
      return;
    }
    const words = sentence(event, trans);
    if (!words || preferences.toasts === 'none') {
      return;
    }
    if (event.kind === 'unlocked') {
      this.show(unlockCause(event.workspace, event.milestone), words, 'success', {
        autoClose: false,
        actions: [this.runAction(event)]
      });
      return;
    }
    const cause = `check/${event.workspace}/${event.module}`;
    if (allPassed(event)) {
      if (preferences.toasts === 'all') {
        this.show(cause, words, 'success', { autoClose: QUIET, actions: [] });
      } else {
        this.dismiss(cause);
      }
      return;
    }
    this.show(cause, words, event.kind === 'refused' ? 'error' : 'warning', {
      autoClose: false,
      actions: this.showActions(event)
    });
  }

  private onWin({ workspace, milestone }: Win): void {
    const { preferences, trans } = this.options;
    this.dismiss(unlockCause(workspace, milestone.id));
    if (preferences.toasts === 'none') {
      return;
    }
    this.show(`won/${workspace}/${milestone.id}`, winSentence(milestone, trans), 'success', {
      autoClose: false,
      actions: [
        {
          label: trans.__('Celebrate'),
          caption: captioned(trans.__('show what was won')),
          displayType: 'accent',
          callback: () => {
            this.execute(CommandIDs.showMilestone, { milestone: milestone.id });
          }
        }
      ]
    });
  }

  private runAction(event: CourseEvent): Notification.IAction {
    const { model, trans } = this.options;
    const notebook = model.milestone(event.milestone)?.notebook ?? '';
    return {
      label: trans.__('Run it'),
      caption: captioned(trans.__('open its notebook and run it')),
      displayType: 'accent',
      callback: () => {
        this.execute(CommandIDs.runMilestone, {
          milestone: event.milestone,
          workspace: event.workspace,
          // Events carry contents paths; the command takes a path below the course.
          notebook: event.notebook ? below(event.workspace, event.notebook) : notebook
        });
      }
    };
  }

  private showActions(event: CourseEvent): Notification.IAction[] {
    const path = event.notebook || this.notebookOf(event);
    if (!path) {
      return [];
    }
    return [
      {
        label: this.options.trans.__('Show'),
        caption: captioned(this.options.trans.__('open the notebook at this cell')),
        displayType: 'accent',
        callback: () => {
          this.execute(CommandIDs.openNotebook, { path, cell: event.cell });
        }
      }
    ];
  }

  private notebookOf(event: CourseEvent): string {
    const notebook = this.options.model.module(event.module)?.notebook;
    return notebook ? joinPath(event.workspace, notebook) : '';
  }

  private execute(command: string, args: Record<string, string>): void {
    this.options.commands.execute(command, args).catch((error: unknown) => {
      console.error(error);
    });
  }

  private show(
    cause: string,
    words: string,
    type: Type,
    options: Notification.IOptions<null>
  ): void {
    const message = shorten(words);
    const before = this.shown.get(cause);
    if (before?.type === type) {
      // False when it was closed by hand: then this is a new one.
      if (Notification.update({ id: before.id, message, type, ...options })) {
        return;
      }
    } else {
      // Lab keeps the frame of a toast whose type changes: a failure would stay green.
      this.dismiss(cause);
    }
    this.shown.set(cause, { id: Notification.emit(message, type, options), type });
  }

  private dismiss(cause: string): void {
    const before = this.shown.get(cause);
    if (before) {
      Notification.dismiss(before.id);
      this.shown.delete(cause);
    }
  }

  private readonly shown = new Map<string, { id: string; type: Type }>();
}

export namespace CourseToasts {
  export interface IOptions {
    readonly model: CourseModel;
    readonly preferences: Preferences;
    readonly commands: CommandRegistry;
    readonly trans: TranslationBundle;
  }
}

/** A button's tooltip; the style sheet knows our buttons by how it begins. */
function captioned(words: string): string {
  return `TinyTorch: ${words}`;
}

function unlockCause(workspace: string, milestone: string): string {
  return `unlocked/${workspace}/${milestone}`;
}

function below(workspace: string, path: string): string {
  return workspace && path.startsWith(`${workspace}/`) ? path.slice(workspace.length + 1) : path;
}
