import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { checkIcon, ReactWidget, ToolbarButtonComponent } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { CommandIDs } from '../ids';
import type { CourseModel, ModulePlace } from '../model';
import type { Notebooks } from '../notebooks';

/** "Export and check" in the toolbar of a module notebook; not there in any other notebook. */
export class CheckButton extends ReactWidget {
  constructor(private readonly options: CheckButton.IOptions) {
    super();
    this.addClass('jp-TinyTorch-checkButton');
    const refresh = (): void => {
      this.refresh();
    };
    options.model.changed.connect(refresh, this);
    options.panel.context.pathChanged.connect(refresh, this);
    this.refresh();
  }

  protected override render(): React.ReactElement | null {
    const { trans, commands } = this.options;
    const place = this.place;
    if (!place) {
      return null;
    }
    const busy = this.isBusy(place);
    return (
      <ToolbarButtonComponent
        icon={checkIcon}
        label={busy ? trans.__('Checking…') : trans.__('Export and check')}
        tooltip={trans.__('Save this module, export it to your package and run its tests')}
        enabled={!busy}
        onClick={() => {
          commands.execute(CommandIDs.checkModule, { path: this.path }).catch((error: unknown) => {
            console.error(error);
          });
        }}
      />
    );
  }

  private get path(): string {
    return this.options.notebooks.pathOf(this.options.panel);
  }

  private get place(): ModulePlace | null {
    return this.options.model.moduleAt(this.path);
  }

  private isBusy({ module }: ModulePlace): boolean {
    return this.options.model.isBusy(module.id) || module.status === 'checking';
  }

  private refresh(): void {
    const place = this.place;
    this.setHidden(place === null);
    this.node.setAttribute('aria-busy', String(place !== null && this.isBusy(place)));
    this.update();
  }
}

export namespace CheckButton {
  export interface IOptions {
    readonly panel: NotebookPanel;
    readonly model: CourseModel;
    readonly notebooks: Notebooks;
    readonly commands: CommandRegistry;
    readonly trans: TranslationBundle;
  }
}
