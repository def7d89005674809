/** Names that other extensions, keyboard shortcuts and tests may rely on. */

export const PLUGIN_ID = 'tinytorch-milestones:plugin';
export const PANEL_ID = 'tinytorch-panel';
export const TOOLBAR_ITEM = 'tinytorch-export-and-check';

export const CommandIDs = {
  openPanel: 'tinytorch:open-panel',
  openCourse: 'tinytorch:open-course',
  next: 'tinytorch:next',
  checkModule: 'tinytorch:check-module',
  runMilestone: 'tinytorch:run-milestone',
  demoMilestone: 'tinytorch:demo-milestone',
  showMilestone: 'tinytorch:show-milestone',
  openNotebook: 'tinytorch:open-notebook',
  trust: 'tinytorch:trust',
  switchTrack: 'tinytorch:switch-track',
  refresh: 'tinytorch:refresh'
} as const;
