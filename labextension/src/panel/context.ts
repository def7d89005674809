import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import React from 'react';

import type { CourseModel } from '../model';

/** What every component of the panel can reach. */
export interface PanelContext {
  readonly model: CourseModel;
  readonly trans: TranslationBundle;
  /** Locale of numbers and times, "en-GB"; undefined for the browser's own. */
  readonly locale: string | undefined;
  /** Ids of the milestones whose details are open. */
  readonly opened: ReadonlySet<string>;
  readonly toggle: (milestone: string) => void;
  readonly run: (command: string, args?: ReadonlyPartialJSONObject) => void;
  readonly has: (command: string) => boolean;
}

export namespace PanelContext {
  /** How a command is run from the panel: it shows its own errors. */
  export function runner(commands: CommandRegistry): PanelContext['run'] {
    return (command, args) => {
      commands.execute(command, args).catch((error: unknown) => {
        console.error(error);
      });
    };
  }
}

export const Context = React.createContext<PanelContext | null>(null);

/** The panel's context; only inside the panel. */
export function usePanel(): PanelContext {
  const context = React.useContext(Context);
  if (!context) {
    throw new Error('A component of the TinyTorch panel was used outside of it.');
  }
  return context;
}
