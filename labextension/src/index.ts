/**
 * The plugins: each connects one part of the extension to JupyterLab.
 */

import {
  ILabShell,
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  ICommandPalette,
  ISessionContextDialogs,
  IThemeManager,
  IToolbarWidgetRegistry
} from '@jupyterlab/apputils';
import { IConsoleTracker } from '@jupyterlab/console';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { CourseApi } from './api';
import { addCommands, fillPalette } from './commands';
import { followPlace, keepFresh, noteSaves } from './follow';
import { CommandIDs, PLUGIN_ID, TOOLBAR_ITEM } from './ids';
import { CourseModel } from './model';
import { introduce } from './introduce';
import { Notebooks } from './notebooks';
import { CoursePanel } from './panel/widget';
import { Preferences } from './preferences';
import { StatusItem } from './statusbar/item';
import { catchOutputClicks } from './stop';
import { Announcer } from './toasts/announcer';
import { CourseToasts } from './toasts/toasts';
import { ICourse } from './tokens';
import { CheckButton } from './toolbar/check_button';

/** Everything the other plugins share; also the panel and the commands. */
const course: JupyterFrontEndPlugin<ICourse> = {
  id: PLUGIN_ID,
  description: 'The TinyTorch course: its state, panel, toasts and commands.',
  autoStart: true,
  provides: ICourse,
  requires: [INotebookTracker],
  optional: [
    ISettingRegistry,
    ITranslator,
    ICommandPalette,
    ILayoutRestorer,
    ILabShell,
    IDefaultFileBrowser,
    IConsoleTracker,
    ISessionContextDialogs,
    IStateDB
  ],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    settings: ISettingRegistry | null,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    labShell: ILabShell | null,
    browser: IDefaultFileBrowser | null,
    consoles: IConsoleTracker | null,
    dialogs: ISessionContextDialogs | null,
    memory: IStateDB | null
  ): ICourse => {
    const { commands, serviceManager } = app;
    const words = translator ?? nullTranslator;
    const trans = words.load('tinytorch_milestones');
    const locale = words.languageCode === 'en' ? undefined : words.languageCode.replace('_', '-');

    const api = new CourseApi(serviceManager.events, serviceManager.serverSettings);
    const model = new CourseModel(api);
    const preferences = new Preferences();
    const notebooks = new Notebooks({
      tracker,
      commands,
      contents: serviceManager.contents,
      dialogs: dialogs ?? undefined,
      translator: words
    });
    const toasts = new CourseToasts({ model, preferences, commands, trans });
    new Announcer(model, trans);

    const panel = new CoursePanel({ model, preferences, commands, trans, locale });
    app.shell.add(panel, 'left', { rank: 150, type: 'TinyTorch' });
    restorer?.add(panel, panel.id);

    const ids = addCommands({ app, model, notebooks, panel, preferences, toasts, trans });
    if (palette) {
      fillPalette(palette, ids);
    }
    catchOutputClicks({ model, notebooks, consoles, commands, trans });
    noteSaves(tracker, notebooks, model);
    keepFresh(model);

    const loaded = settings
      ? settings.load(PLUGIN_ID).then(
          found => {
            preferences.follow(found);
          },
          (error: unknown) => {
            console.error('TinyTorch: settings could not be loaded', error);
          }
        )
      : Promise.resolve();
    void Promise.all([loaded, app.restored]).then(() => {
      const apply = (): void => {
        model.preferTrack(preferences.track);
        model.setCheckOnSave(preferences.checkOnSave);
      };
      apply();
      preferences.changed.connect(apply);
      followPlace(app, labShell, browser, model);
      if (memory) {
        introduce(app, memory, panel, model);
      }
    });
    return { api, model, notebooks, trans };
  }
};

const toolbar: JupyterFrontEndPlugin<void> = {
  id: 'tinytorch-milestones:toolbar',
  description: 'The button "Export and check" on module notebooks.',
  autoStart: true,
  requires: [ICourse, IToolbarWidgetRegistry],
  activate: (app: JupyterFrontEnd, { model, notebooks, trans }: ICourse, registry) => {
    (registry as IToolbarWidgetRegistry).addFactory<NotebookPanel>(
      'Notebook',
      TOOLBAR_ITEM,
      panel => new CheckButton({ panel, model, notebooks, trans, commands: app.commands })
    );
  }
};

const launcher: JupyterFrontEndPlugin<void> = {
  id: 'tinytorch-milestones:launcher',
  description: 'The course in the launcher.',
  autoStart: true,
  requires: [ICourse, ILauncher],
  activate: (_app: JupyterFrontEnd, _course: ICourse, cards) => {
    (cards as ILauncher).add({
      command: CommandIDs.openCourse,
      category: 'Other',
      rank: 1
    });
  }
};

const statusbar: JupyterFrontEndPlugin<void> = {
  id: 'tinytorch-milestones:statusbar',
  description: 'Progress and the next step in the status bar.',
  autoStart: true,
  requires: [ICourse, IStatusBar],
  activate: (app: JupyterFrontEnd, { model, trans }: ICourse, bar) => {
    (bar as IStatusBar).registerStatusItem('tinytorch-milestones:progress', {
      item: new StatusItem(model, app.commands, trans),
      align: 'left',
      rank: 200,
      isActive: () => model.state !== null,
      activeStateChanged: model.changed
    });
  }
};

const appearance: JupyterFrontEndPlugin<void> = {
  id: 'tinytorch-milestones:appearance',
  description: 'Tells the server the theme, so that figures follow it.',
  autoStart: true,
  requires: [ICourse, IThemeManager],
  activate: (_app: JupyterFrontEnd, { api }: ICourse, themes) => {
    const manager = themes as IThemeManager;
    let told = '';
    const tell = (): void => {
      const theme = !manager.theme || manager.isLight(manager.theme) ? 'light' : 'dark';
      if (manager.theme && theme !== told) {
        told = theme;
        api.setTheme(theme).catch((error: unknown) => {
          told = '';
          console.warn('TinyTorch: the server was not told the theme', error);
        });
      }
    };
    manager.themeChanged.connect(tell);
    tell();
  }
};

export default [course, toolbar, launcher, statusbar, appearance];
