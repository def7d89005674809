/**
 * Notebooks as the extension handles them: opened at a cell, run from top to bottom, found by what
 * they show.
 */

import type { ISessionContextDialogs } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import type { ITranslator } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

/** A line that starts a milestone. */
const RUNS_MILESTONE = /^\s*%{1,2}milestone\s+run\b/m;

export class Notebooks {
  constructor(private readonly options: Notebooks.IOptions) {}

  /** The contents path of a notebook, without the name of a drive. */
  pathOf(panel: NotebookPanel): string {
    return this.options.contents.localPath(panel.context.path);
  }

  /** The notebook on screen, if a notebook is what is on screen. */
  get current(): NotebookPanel | null {
    return this.options.tracker.currentWidget;
  }

  /** The notebook at this contents path, if it is open. */
  find(path: string): NotebookPanel | undefined {
    return this.options.tracker.find(panel => this.pathOf(panel) === path);
  }

  /** The notebook that shows this element, also when its output was moved to a view of its own. */
  showing(element: Element): NotebookPanel | null {
    const { tracker } = this.options;
    const direct = tracker.find(panel => panel.node.contains(element));
    if (direct) {
      return direct;
    }
    const run = element instanceof HTMLElement ? element.dataset['run'] : undefined;
    if (!run) {
      return null;
    }
    const twin = `[data-run="${CSS.escape(run)}"]`;
    return tracker.find(panel => panel.node.querySelector(twin) !== null) ?? null;
  }

  /** Open a notebook, or come back to it when it is open; waits until its cells are there. */
  async open(path: string): Promise<NotebookPanel> {
    const { commands } = this.options;
    const opened: unknown = await commands.execute('docmanager:open', {
      path,
      factory: 'Notebook'
    });
    const panel = opened instanceof NotebookPanel ? opened : this.find(path);
    if (!panel) {
      throw new Error(`The notebook ${path} could not be opened.`);
    }
    await panel.context.ready;
    await panel.revealed;
    return panel;
  }

  /** Open a notebook with one cell in view and active; a cell that is gone is passed over. */
  async openAt(path: string, cellId: string): Promise<void> {
    const panel = await this.open(path);
    if (cellId) {
      const index = panel.content.widgets.findIndex(cell => cell.model.id === cellId);
      await this.goTo(panel, index, 'center');
    }
  }

  /** Open a milestone's notebook and run all of it as soon as its kernel is there. */
  async runAll(path: string): Promise<void> {
    const { dialogs, translator } = this.options;
    const panel = await this.open(path);
    const session = panel.sessionContext;
    await session.ready;
    if (session.hasNoKernel) {
      await session.startKernel();
    } else if (session.kernelDisplayStatus === 'dead') {
      await session.restartKernel();
    }
    if (panel.isDisposed) {
      return;
    }
    const finished = NotebookActions.runAll(panel.content, session, dialogs, translator);
    await this.goTo(
      panel,
      panel.content.widgets.findIndex(
        cell =>
          cell.model.type === 'code' && RUNS_MILESTONE.test(cell.model.sharedModel.getSource())
      ),
      'start'
    );
    await finished;
  }

  /** Make a cell active, in command mode, and bring it into view. */
  private async goTo(
    panel: NotebookPanel,
    index: number,
    block: 'start' | 'center'
  ): Promise<void> {
    const notebook = panel.content;
    const cell = notebook.widgets[index];
    if (!cell) {
      return;
    }
    notebook.mode = 'command';
    notebook.deselectAll();
    notebook.activeCellIndex = index;
    notebook.activate();
    // Cells out of sight are not in the page; Lab scrolls them in first, then we place them.
    await notebook.scrollToItem(index, block).catch(() => undefined);
    cell.node.scrollIntoView({ block });
  }
}

export namespace Notebooks {
  export interface IOptions {
    readonly tracker: INotebookTracker;
    readonly commands: CommandRegistry;
    readonly contents: Contents.IManager;
    readonly dialogs: ISessionContextDialogs | undefined;
    readonly translator: ITranslator;
  }
}
