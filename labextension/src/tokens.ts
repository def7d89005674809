import type { TranslationBundle } from '@jupyterlab/translation';
import { Token } from '@lumino/coreutils';

import type { ICourseApi } from './api';
import type { CourseModel } from './model';
import type { Notebooks } from './notebooks';

/** What the plugins of this extension share. */
export interface ICourse {
  readonly api: ICourseApi;
  readonly model: CourseModel;
  readonly notebooks: Notebooks;
  readonly trans: TranslationBundle;
}

export const ICourse = new Token<ICourse>(
  'tinytorch-milestones:ICourse',
  'The TinyTorch course on this page.'
);
