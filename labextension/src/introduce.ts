/**
 * Opens the panel once, the first time there is a course to show.
 */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { IStateDB } from '@jupyterlab/statedb';
import type { Widget } from '@lumino/widgets';

import type { CourseModel } from './model';

const KEY = 'tinytorch-milestones:introduced';

/** Open the panel with the first course ever seen in this workspace of Lab; later, leave it as it is. */
export function introduce(
  app: JupyterFrontEnd,
  memory: IStateDB,
  panel: Widget,
  model: CourseModel
): void {
  const look = async (): Promise<void> => {
    if (!model.state) {
      return;
    }
    model.changed.disconnect(onChange);
    if ((await memory.fetch(KEY)) === undefined) {
      await memory.save(KEY, true);
      app.shell.activateById(panel.id);
    }
  };
  const onChange = (): void => {
    look().catch((error: unknown) => {
      console.warn('TinyTorch: the panel was not opened by itself', error);
    });
  };
  model.changed.connect(onChange);
  onChange();
}
