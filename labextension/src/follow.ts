/**
 * Keeps the model at the course the user is looking at, and fresh.
 */

import type { ILabShell, JupyterFrontEnd } from '@jupyterlab/application';
import { DocumentWidget } from '@jupyterlab/docregistry';
import type { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import type { INotebookTracker } from '@jupyterlab/notebook';
import { Poll } from '@lumino/polling';
import type { Widget } from '@lumino/widgets';

import type { CourseModel } from './model';
import type { Notebooks } from './notebooks';

/** Events are not replayed, so look now and then, in milliseconds. */
const LOOK_AGAIN = 30_000;

/** Follow the document on screen; the folder in the file browser when there is none. */
export function followPlace(
  app: JupyterFrontEnd,
  labShell: ILabShell | null,
  browser: IDefaultFileBrowser | null,
  model: CourseModel
): void {
  const { contents } = app.serviceManager;
  const documentPath = (widget: Widget | null): string | null =>
    widget instanceof DocumentWidget ? contents.localPath(widget.context.path) : null;
  const folder = (): string => (browser ? contents.localPath(browser.model.path) : '');

  const current = documentPath(app.shell.currentWidget);
  model.follow(current ?? folder());
  void model.refresh();
  labShell?.currentChanged.connect((_, change) => {
    const path = documentPath(change.newValue);
    if (path !== null) {
      model.follow(path);
    }
  });
  browser?.model.pathChanged.connect(() => {
    model.follow(folder());
  });
}

/** Fetch the state now and then, when the page comes back to the front, and when the net does. */
export function keepFresh(model: CourseModel): void {
  new Poll({
    name: 'tinytorch-milestones:state',
    factory: () => model.refresh(),
    frequency: { interval: LOOK_AGAIN, backoff: false },
    standby: 'when-hidden',
    auto: true
  });
  const look = (): void => {
    if (document.visibilityState === 'visible') {
      void model.refresh();
    }
  };
  document.addEventListener('visibilitychange', look);
  window.addEventListener('online', look);
}

/** Remember when a notebook was saved here. The server hears of the save by itself. */
export function noteSaves(
  tracker: INotebookTracker,
  notebooks: Notebooks,
  model: CourseModel
): void {
  tracker.widgetAdded.connect((_, panel) => {
    panel.context.saveState.connect((_context, saving) => {
      if (saving === 'started') {
        model.saved(notebooks.pathOf(panel));
      }
    });
  });
}
