/**
 * Where toasts hang: at most one for each cause, kept up to date instead of piled up.
 */

import type { Notification } from '@jupyterlab/apputils';

export type Type = 'success' | 'warning' | 'error' | 'info';

/**
 * Milliseconds between two changes of a toast. Lab brings them on screen a few turns of the event
 * loop later, and not in order: what is changed and taken down at once is put up again by the
 * change and stays for ever, and what is changed before it hangs keeps its old words.
 */
export const SETTLED = 200;

/** What is needed of Lab's notifications. */
export interface INotifications {
  emit(message: string, type: Type, options: Notification.IOptions<null>): string;
  /** False when there is none with this id: it was dismissed by hand. */
  update(change: Notification.IUpdate<null>): boolean;
  dismiss(id: string): void;
}

interface IToast {
  readonly id: string;
  readonly type: Type;
  /** When it was put up or changed. */
  at: number;
  /** Of the change that waits. */
  timer?: ReturnType<typeof setTimeout>;
}

export class Board {
  constructor(private readonly lab: INotifications) {}

  /** Put a toast up, or change the one that hangs there for the same cause. */
  show(cause: string, message: string, type: Type, options: Notification.IOptions<null>): void {
    const before = this.hanging.get(cause);
    if (before?.type === type) {
      this.change(before, () => {
        if (!this.lab.update({ id: before.id, message, type, ...options })) {
          this.put(cause, message, type, options);
        }
      });
      return;
    }
    // Lab keeps the frame of a toast whose type changes: a failure would stay green.
    this.dismiss(cause);
    this.put(cause, message, type, options);
  }

  /** Take down what hangs there for a cause, if anything does. */
  dismiss(cause: string): void {
    const before = this.hanging.get(cause);
    if (before) {
      this.hanging.delete(cause);
      this.change(before, () => {
        this.lab.dismiss(before.id);
      });
    }
  }

  private put(
    cause: string,
    message: string,
    type: Type,
    options: Notification.IOptions<null>
  ): void {
    const id = this.lab.emit(message, type, options);
    this.hanging.set(cause, { id, type, at: Date.now() });
  }

  /** As soon as the last change has settled; of several that wait only the last one is made. */
  private change(toast: IToast, act: () => void): void {
    const now = (): void => {
      toast.at = Date.now();
      act();
    };
    clearTimeout(toast.timer);
    const wait = toast.at + SETTLED - Date.now();
    if (wait > 0) {
      toast.timer = setTimeout(now, wait);
    } else {
      now();
    }
  }

  private readonly hanging = new Map<string, IToast>();
}
