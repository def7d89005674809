/**
 * Clicks on what Python drew: the Stop button of a running milestone and links to notebook cells.
 *
 * Outputs are plain HTML without a comm, so that Stop works while the kernel is busy; the page
 * catches their clicks at the document.
 */

import type { IConsoleTracker } from '@jupyterlab/console';
import type { Kernel } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { DisposableDelegate, IDisposable } from '@lumino/disposable';

import { CommandIDs } from './ids';
import type { CourseModel } from './model';
import type { Notebooks } from './notebooks';
import { joinPath } from './paths';

const STOP = 'button.tinytorch-stop';
const OPEN = 'a.tinytorch-open';

export interface IOutputClicks {
  readonly model: CourseModel;
  readonly notebooks: Notebooks;
  readonly consoles: IConsoleTracker | null;
  readonly commands: CommandRegistry;
  readonly trans: TranslationBundle;
}

function kernelShowing(
  element: HTMLElement,
  { notebooks, consoles }: IOutputClicks
): Kernel.IKernelConnection | null | undefined {
  const owner = notebooks.showing(element) ?? consoles?.find(panel => panel.node.contains(element));
  return owner?.sessionContext.session?.kernel;
}

/**
 * Whether the cell around an element is being run. A kernel that was restarted leaves the picture
 * of a dead run behind, and its button must not interrupt what runs next.
 */
function isBeingRun(element: HTMLElement): boolean {
  const prompt = element.closest('.jp-Cell')?.querySelector('.jp-InputPrompt');
  return prompt?.textContent.includes('*') ?? true;
}

function stop(button: HTMLButtonElement, stopped: Set<string>, options: IOutputClicks): void {
  const run = button.dataset['run'] ?? '';
  button.disabled = true;
  button.textContent = options.trans.__('Stopping…');
  if (run && stopped.has(run)) {
    // Drawn again after a first click: a second interrupt would hit the next cell.
    return;
  }
  const kernel = isBeingRun(button) ? kernelShowing(button, options) : null;
  if (!kernel) {
    button.textContent = options.trans.__('Nothing is running');
    return;
  }
  stopped.add(run);
  kernel.interrupt().catch((error: unknown) => {
    console.error(error);
    stopped.delete(run);
    button.disabled = false;
    button.textContent = options.trans.__('Stop');
  });
}

/** The course a link stands in: that of its notebook, else the one in the panel. */
function workspaceAround(link: HTMLElement, { notebooks, model }: IOutputClicks): string {
  const panel = notebooks.showing(link);
  const course = panel ? model.courseOf(notebooks.pathOf(panel)) : null;
  return (course ?? model.state)?.workspace.path ?? '';
}

/** Listen for these clicks until the result is disposed. */
export function catchOutputClicks(options: IOutputClicks): IDisposable {
  const stopped = new Set<string>();
  const onClick = (event: MouseEvent): void => {
    if (!(event.target instanceof Element)) {
      return;
    }
    const button = event.target.closest<HTMLButtonElement>(STOP);
    if (button) {
      event.preventDefault();
      stop(button, stopped, options);
      return;
    }
    const link = event.target.closest<HTMLElement>(OPEN);
    if (link?.dataset['notebook']) {
      event.preventDefault();
      options.commands
        .execute(CommandIDs.openNotebook, {
          path: joinPath(workspaceAround(link, options), link.dataset['notebook']),
          cell: link.dataset['cell'] ?? ''
        })
        .catch((error: unknown) => {
          console.error(error);
        });
    }
  };
  // Captured, so that a cell's own handling of the click cannot swallow it.
  document.addEventListener('click', onClick, true);
  return new DisposableDelegate(() => {
    document.removeEventListener('click', onClick, true);
  });
}
