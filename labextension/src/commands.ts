/**
 * The commands, all of which are in the palette under "TinyTorch".
 */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ICommandPalette } from '@jupyterlab/apputils';
import type { ConsolePanel } from '@jupyterlab/console';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { torchIcon } from './icons';
import { CommandIDs } from './ids';
import type { CourseModel } from './model';
import type { Notebooks } from './notebooks';
import type { CoursePanel } from './panel/widget';
import { joinPath } from './paths';
import type { Preferences } from './preferences';
import { asProblem } from './problems';
import type { State } from './state';
import type { CourseToasts } from './toasts/toasts';
import { lastWon } from './wins';

/** What the commands act on. */
export interface ICommandOptions {
  readonly app: JupyterFrontEnd;
  readonly model: CourseModel;
  readonly notebooks: Notebooks;
  readonly panel: CoursePanel;
  readonly preferences: Preferences;
  readonly toasts: CourseToasts;
  readonly trans: TranslationBundle;
}

const START = 'notebooks/start_here.ipynb';

function textArg(args: ReadonlyPartialJSONObject, key: string): string {
  const value = args[key];
  return typeof value === 'string' ? value : '';
}

/** A JSON schema for text arguments, for those who bind a command to a key. */
function described(args: Record<string, string>): CommandRegistry.ICommandOptions['describedBy'] {
  const properties = Object.fromEntries(
    Object.entries(args).map(([key, description]) => [key, { type: 'string', description }])
  );
  return { args: { type: 'object', properties } };
}

/** Adds every command; returns the ids in the order of the palette. */
export function addCommands(options: ICommandOptions): string[] {
  const { app, model, trans } = options;
  const { commands } = app;
  const ids: string[] = [];

  const add = (
    id: string,
    label: string,
    execute: (args: ReadonlyPartialJSONObject) => Promise<void> | void,
    extra: Partial<CommandRegistry.ICommandOptions> = {}
  ): void => {
    commands.addCommand(id, {
      label,
      describedBy: described({}),
      ...extra,
      execute: async args => {
        try {
          await execute(args);
        } catch (error) {
          options.toasts.failure(label, asProblem(error));
        }
      }
    });
    ids.push(id);
  };

  const inCourse = { isEnabled: () => model.state !== null };

  add(
    CommandIDs.openPanel,
    trans.__('Show the course panel'),
    () => {
      app.shell.activateById(options.panel.id);
    },
    { icon: torchIcon }
  );
  add(CommandIDs.openCourse, trans.__('TinyTorch course'), () => openCourse(options), {
    icon: torchIcon,
    caption: trans.__('Build a small PyTorch and unlock the history of AI')
  });
  add(CommandIDs.next, trans.__('Do what is next'), () => doNext(options), inCourse);
  add(
    CommandIDs.checkModule,
    trans.__('Export and check this module'),
    args => checkModule(options, args),
    {
      isEnabled: args =>
        ['module', 'path'].some(key => textArg(args, key) !== '') ||
        currentModule(options) !== null,
      describedBy: described({
        module: 'Module id; the current notebook’s when left out',
        path: 'Contents path of a module’s notebook, instead of `module`'
      })
    }
  );
  add(
    CommandIDs.runMilestone,
    trans.__('Run the next milestone'),
    args => runMilestone(options, args),
    {
      isEnabled: args =>
        textArg(args, 'notebook') !== '' ||
        textArg(args, 'milestone') !== '' ||
        model.state?.next.kind === 'milestone',
      describedBy: described({
        milestone: 'Milestone id; the next one when left out',
        notebook: 'Its notebook, below the course folder',
        workspace: 'Contents path of the course folder'
      })
    }
  );
  add(
    CommandIDs.openNotebook,
    trans.__('Open the notebook of the next step'),
    args => openNotebook(options, args),
    {
      isEnabled: args =>
        ['notebook', 'path'].some(key => textArg(args, key) !== '') ||
        Boolean(model.state?.next.notebook),
      describedBy: described({
        notebook: 'A notebook below the course folder; that of the next step when left out',
        path: 'Contents path of a notebook, instead of `notebook`',
        cell: 'Id of the cell to go to'
      })
    }
  );
  add(CommandIDs.trust, trans.__('Trust this course'), () => model.trust(), {
    isEnabled: () => model.state?.workspace.trusted === false
  });
  add(
    CommandIDs.switchTrack,
    trans.__('Switch to the next track'),
    args => switchTrack(options, args),
    {
      isEnabled: () => (model.state?.tracks.length ?? 0) > 1,
      describedBy: described({ track: 'Track id; the one after the current when left out' })
    }
  );
  add(
    CommandIDs.showMilestone,
    trans.__('Show the next milestone’s details'),
    args => {
      const id = textArg(args, 'milestone') || nextMilestone(model);
      app.shell.activateById(options.panel.id);
      options.panel.showMilestone(id);
    },
    {
      ...inCourse,
      describedBy: described({ milestone: 'Milestone id; the next one when left out' })
    }
  );
  add(CommandIDs.refresh, trans.__('Look at the course again'), () => model.refresh());
  if (commands.hasCommand('console:create')) {
    addDemo(add, options);
  }
  return ids;
}

/** Put the commands into the palette. */
export function fillPalette(palette: ICommandPalette, ids: string[]): void {
  for (const command of ids) {
    palette.addItem({ command, category: 'TinyTorch' });
  }
}

function nextMilestone(model: CourseModel): string {
  const { state } = model;
  if (state?.next.kind === 'milestone') {
    return state.next.id;
  }
  const open = state?.milestones.find(milestone => milestone.status !== 'complete');
  return open?.id ?? state?.milestones[0]?.id ?? '';
}

function currentModule({ notebooks, model }: ICommandOptions): ReturnType<CourseModel['moduleAt']> {
  const panel = notebooks.current;
  return panel ? model.moduleAt(notebooks.pathOf(panel)) : null;
}

async function openCourse(options: ICommandOptions): Promise<void> {
  const { app, model, notebooks, panel } = options;
  await model.refresh();
  if (model.state) {
    const path = joinPath(model.state.workspace.path, START);
    const exists = await app.serviceManager.contents.get(path, { content: false }).then(
      () => true,
      () => false
    );
    if (exists) {
      await notebooks.open(path);
      return;
    }
  }
  app.shell.activateById(panel.id);
}

async function doNext(options: ICommandOptions): Promise<void> {
  const { app, model } = options;
  const { state } = model;
  switch (state?.next.kind) {
    case 'trust':
      app.shell.activateById(options.panel.id);
      return;
    case 'milestone':
      await runMilestone(options, {});
      return;
    case 'module':
      await openNotebook(options, {});
      return;
    case 'done':
      await lookBack(options, state);
      return;
    case undefined:
      app.shell.activateById(options.panel.id);
  }
}

/** Nothing is left to do: show what was won last, or where it all began. */
async function lookBack(options: ICommandOptions, state: State): Promise<void> {
  const last = lastWon(state);
  options.app.shell.activateById(options.panel.id);
  if (last) {
    options.panel.showMilestone(last.id);
  } else if (state.next.notebook) {
    await openNotebook(options, {});
  }
}

async function checkModule(
  options: ICommandOptions,
  args: ReadonlyPartialJSONObject
): Promise<void> {
  const { model, notebooks } = options;
  const named = model.module(textArg(args, 'module'));
  const given = textArg(args, 'path');
  const place =
    named && model.state
      ? { workspace: model.state.workspace.path, module: named }
      : given
        ? model.moduleAt(given)
        : currentModule(options);
  if (!place) {
    return;
  }
  const path = joinPath(place.workspace, place.module.notebook);
  const panel = notebooks.find(path);
  if (panel?.context.model.dirty) {
    await panel.context.save();
  }
  options.toasts.completed(place.workspace, await model.complete(place.workspace, place.module.id));
}

async function runMilestone(
  options: ICommandOptions,
  args: ReadonlyPartialJSONObject
): Promise<void> {
  const { model, notebooks, toasts } = options;
  const id = textArg(args, 'milestone') || model.state?.next.id || '';
  const notebook = textArg(args, 'notebook') || model.milestone(id)?.notebook;
  if (!notebook) {
    throw new Error(options.trans.__('This milestone has no notebook to run.'));
  }
  const given = args['workspace'];
  const workspace = typeof given === 'string' ? given : (model.state?.workspace.path ?? '');
  toasts.started(workspace, id);
  await notebooks.runAll(joinPath(workspace, notebook));
}

async function openNotebook(
  options: ICommandOptions,
  args: ReadonlyPartialJSONObject
): Promise<void> {
  const { model, notebooks } = options;
  const notebook = textArg(args, 'notebook') || model.state?.next.notebook || '';
  const path = textArg(args, 'path') || joinPath(model.state?.workspace.path ?? '', notebook);
  await notebooks.openAt(path, textArg(args, 'cell'));
}

async function switchTrack(
  options: ICommandOptions,
  args: ReadonlyPartialJSONObject
): Promise<void> {
  const { model, preferences } = options;
  const tracks = model.state?.tracks ?? [];
  const at = tracks.findIndex(track => track.id === model.state?.track);
  const track = textArg(args, 'track') || tracks[(at + 1) % tracks.length]?.id;
  if (track) {
    await model.switchTrack(track);
    await preferences.keepTrack(track);
  }
}

/** A demo runs in a console of its own: nothing is written into anybody's notebook. */
function addDemo(
  add: (
    id: string,
    label: string,
    execute: (args: ReadonlyPartialJSONObject) => Promise<void>,
    extra: Partial<CommandRegistry.ICommandOptions>
  ) => void,
  { app, model, trans }: ICommandOptions
): void {
  add(
    CommandIDs.demoMilestone,
    trans.__('Watch a demo of the next milestone'),
    async args => {
      const id = textArg(args, 'milestone') || nextMilestone(model);
      const folder = model.state?.workspace.path ?? '';
      const milestone = model.milestone(id);
      const console = (await app.commands.execute('console:create', {
        basePath: folder,
        cwd: folder,
        name: trans.__('Demo: %1', milestone?.title ?? id),
        kernelPreference: { name: 'python3', language: 'python' },
        activate: true
      })) as ConsolePanel;
      await console.sessionContext.ready;
      await console.console.inject('%load_ext tinytorch_milestones');
      await console.console.inject(`%milestone demo ${id}`);
    },
    {
      isEnabled: () => model.state !== null,
      describedBy: described({ milestone: 'Milestone id; the next one when left out' })
    }
  );
}
