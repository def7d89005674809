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
import { Board, Type } from './board';
import { Unlocks } from './unlocks';
import { allPassed, eventOf, sentence, shorten, unlockedSentence, winSentence } from './words';

/** How long a toast that asks for nothing stays, in milliseconds. */
const QUIET = 4000;

/** So many invitations may stand beside each other; more of them are told in one toast. */
const FEW = 2;

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
    this.begun(workspace, milestone);
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
      this.begun(event.workspace, event.milestone);
      return;
    }
    const words = sentence(event, trans);
    if (!words || preferences.toasts === 'none') {
      return;
    }
    if (event.kind === 'unlocked') {
      this.invite(event, words);
      return;
    }
    const cause = `check/${event.workspace}/${event.module}`;
    if (allPassed(event)) {
      if (preferences.toasts === 'all') {
        this.show(cause, words, 'success', { autoClose: QUIET, actions: [] });
      } else {
        this.board.dismiss(cause);
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
    this.begun(workspace, milestone.id);
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

  /** Tell of a milestone that was unlocked; where several wait, of all of them in one toast. */
  private invite(event: CourseEvent, words: string): void {
    const { workspace, milestone } = event;
    this.unlocks.add(event);
    const waiting = this.unlocks.of(workspace);
    if (waiting.length <= FEW) {
      this.show(unlockCause(workspace, milestone), words, 'success', {
        autoClose: false,
        actions: [this.runAction(event)]
      });
      return;
    }
    const { trans } = this.options;
    for (const one of waiting) {
      this.board.dismiss(unlockCause(workspace, one.milestone));
    }
    this.show(unlockCause(workspace), unlockedSentence(waiting, trans), 'success', {
      autoClose: false,
      actions: [
        {
          label: trans.__('Show'),
          caption: captioned(trans.__('show them in the panel')),
          displayType: 'accent',
          callback: () => {
            this.execute(CommandIDs.openPanel, {});
          }
        }
      ]
    });
  }

  /** A milestone was begun or won: it, and a toast that tells of many, invite no longer. */
  private begun(workspace: string, milestone: string): void {
    if (this.unlocks.of(workspace).length > FEW) {
      this.unlocks.clear(workspace);
      this.board.dismiss(unlockCause(workspace));
    } else {
      this.unlocks.remove(workspace, milestone);
      this.board.dismiss(unlockCause(workspace, milestone));
    }
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
    this.board.show(cause, shorten(words), type, options);
  }

  private readonly unlocks = new Unlocks();
  private readonly board = new Board(Notification);
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

/** The cause of an invitation; without a milestone that of the toast that tells of many. */
function unlockCause(workspace: string, milestone = ''): string {
  return `unlocked/${workspace}/${milestone}`;
}

function below(workspace: string, path: string): string {
  return workspace && path.startsWith(`${workspace}/`) ? path.slice(workspace.length + 1) : path;
}
