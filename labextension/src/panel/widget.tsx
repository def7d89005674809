import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { torchIcon } from '../icons';
import { PANEL_ID } from '../ids';
import type { CourseModel } from '../model';
import type { Preferences } from '../preferences';
import { Blank, Loading } from './blank';
import { Context, PanelContext } from './context';
import { Footer } from './footer';
import { Header } from './header';
import { Modules } from './modules';
import { NextCard } from './next_card';
import { Notices } from './notices';
import { Rail } from './rail';
import { TrustCard } from './trust_card';

function Body({ model }: { model: CourseModel }): React.ReactElement {
  const { state, problem } = model;
  if (!state) {
    return problem ? <Blank problem={problem} /> : <Loading />;
  }
  const askTrust = state.next.kind === 'trust' || !state.workspace.trusted;
  return (
    <div className="jp-TinyTorch-course" data-offline={model.offline ? '' : undefined}>
      <Header state={state} />
      <Notices state={state} />
      {askTrust ? <TrustCard name={state.workspace.name} /> : <NextCard state={state} />}
      <Rail state={state} />
      <Modules state={state} />
      <Footer state={state} />
    </div>
  );
}

/** The sidebar panel. */
export class CoursePanel extends ReactWidget {
  constructor(private readonly options: CoursePanel.IOptions) {
    super();
    const { trans, model, preferences, commands } = options;
    this.id = PANEL_ID;
    this.title.icon = torchIcon;
    this.title.caption = trans.__('TinyTorch course');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('TinyTorch course'));
    this.addClass('jp-TinyTorchPanel');
    const redraw = (): void => {
      this.node.dataset['motion'] = preferences.motion;
      this.update();
    };
    model.changed.connect(redraw, this);
    preferences.changed.connect(redraw, this);
    redraw();
    this.run = PanelContext.runner(commands);
  }

  /** Open a milestone's details and bring it into view. */
  showMilestone(id: string): void {
    this.opened = new Set([...this.opened, id]);
    this.update();
    requestAnimationFrame(() => {
      const station = this.node.querySelector<HTMLElement>(
        `[data-milestone="${CSS.escape(id)}"] > [data-stop]`
      );
      station?.scrollIntoView({ block: 'nearest' });
      station?.focus();
    });
  }

  protected override render(): React.ReactElement {
    const { model, trans, commands, locale } = this.options;
    const context: PanelContext = {
      model,
      trans,
      locale,
      opened: this.opened,
      toggle: this.toggle,
      run: this.run,
      has: command => commands.hasCommand(command)
    };
    return (
      <Context.Provider value={context}>
        <Body model={model} />
      </Context.Provider>
    );
  }

  private readonly toggle = (id: string): void => {
    const opened = new Set(this.opened);
    if (!opened.delete(id)) {
      opened.add(id);
    }
    this.opened = opened;
    this.update();
  };

  private opened: ReadonlySet<string> = new Set();
  private readonly run: PanelContext['run'];
}

export namespace CoursePanel {
  export interface IOptions {
    readonly model: CourseModel;
    readonly preferences: Preferences;
    readonly commands: CommandRegistry;
    readonly trans: TranslationBundle;
    readonly locale: string | undefined;
  }
}
