import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { CommandIDs } from '../ids';
import type { CourseModel } from '../model';
import { statusLine } from '../text';

/** "TinyTorch 3/21 · next: …" in the status bar; opens the panel. */
export class StatusItem extends ReactWidget {
  constructor(
    private readonly model: CourseModel,
    private readonly commands: CommandRegistry,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-TinyTorch-status');
    model.changed.connect(() => {
      this.update();
    }, this);
  }

  protected override render(): React.ReactElement | null {
    const { state, offline } = this.model;
    if (!state) {
      return null;
    }
    const line = statusLine(state, this.trans);
    return (
      <button
        type="button"
        title={this.trans.__('Show the course panel')}
        onClick={() => {
          this.commands.execute(CommandIDs.openPanel).catch((error: unknown) => {
            console.error(error);
          });
        }}
      >
        {offline ? this.trans.__('%1 · offline', line) : line}
      </button>
    );
  }
}
