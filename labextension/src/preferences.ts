/**
 * The user's settings of this extension, typed, with a signal.
 */

import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ISignal, Signal } from '@lumino/signaling';

export type Toasts = 'all' | 'important' | 'none';
export type Motion = 'auto' | 'reduced';

/** Settings as the rest of the extension reads them; defaults until they are loaded. */
export class Preferences {
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get track(): string {
    return this.read('track', '');
  }

  get checkOnSave(): boolean {
    return this.settings?.composite['checkOnSave'] !== false;
  }

  get toasts(): Toasts {
    const value = this.read('toasts', 'all');
    return value === 'important' || value === 'none' ? value : 'all';
  }

  get motion(): Motion {
    return this.read('motion', 'auto') === 'reduced' ? 'reduced' : 'auto';
  }

  /** Follow these settings from now on. */
  follow(settings: ISettingRegistry.ISettings): void {
    this.settings = settings;
    settings.changed.connect(() => {
      this._changed.emit();
    }, this);
    this._changed.emit();
  }

  /** Keep a track that was chosen in the panel, when the settings name one. */
  async keepTrack(track: string): Promise<void> {
    if (this.settings && this.track && this.track !== track) {
      await this.settings.set('track', track);
    }
  }

  private read(key: string, missing: string): string {
    const value = this.settings?.composite[key];
    return typeof value === 'string' ? value : missing;
  }

  private settings: ISettingRegistry.ISettings | null = null;
  private readonly _changed = new Signal<this, void>(this);
}
