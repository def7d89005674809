/**
 * Says changes to a screen reader, politely: also while the panel is closed.
 */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { CourseModel } from '../model';
import { sentence, winSentence } from './words';

export class Announcer {
  constructor(model: CourseModel, trans: TranslationBundle) {
    this.node = document.createElement('div');
    this.node.className = 'jp-TinyTorch-announcer';
    this.node.setAttribute('role', 'status');
    this.node.setAttribute('aria-live', 'polite');
    document.body.append(this.node);
    model.heard.connect((_, event) => {
      this.say(sentence(event, trans));
    }, this);
    model.won.connect((_, win) => {
      this.say(winSentence(win.milestone, trans));
    }, this);
    let offline = false;
    model.changed.connect(() => {
      if (model.offline !== offline) {
        offline = model.offline;
        this.say(
          offline
            ? trans.__('TinyTorch: the server does not answer.')
            : trans.__('TinyTorch: the server answers again.')
        );
      }
    }, this);
  }

  private say(words: string): void {
    if (words) {
      this.node.textContent = words;
    }
  }

  private readonly node: HTMLElement;
}
