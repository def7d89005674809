import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { parseEvent, CourseEvent, EVENT_SCHEMA } from '../src/events';
import { Board, INotifications, SETTLED } from '../src/toasts/board';
import { Unlocks } from '../src/toasts/unlocks';
import { unlockedSentence } from '../src/toasts/words';
import { trans } from './trans';

/** What is on screen of Lab's notifications: changes take two turns, the rest takes one. */
class Screen implements INotifications {
  emit(message: string): string {
    this.count += 1;
    const id = String(this.count);
    this.known.add(id);
    this.put(id, message, false);
    return id;
  }

  update({ id, message = '' }: { id: string; message?: string }): boolean {
    if (!this.known.has(id)) {
      return false;
    }
    const hangs = this.toasts.has(id);
    if (hangs) {
      setTimeout(() => {
        this.put(id, message, true);
      }, 0);
    } else {
      this.put(id, message, false);
    }
    return true;
  }

  dismiss(id: string): void {
    this.known.delete(id);
    setTimeout(() => {
      this.toasts.delete(id);
    }, 0);
  }

  get words(): string[] {
    return [...this.toasts.values()];
  }

  /** One that hangs already is put up a second time only to change it. */
  private put(id: string, message: string, change: boolean): void {
    setTimeout(() => {
      if (change || !this.toasts.has(id)) {
        this.toasts.set(id, message);
      }
    }, 0);
  }

  private count = 0;
  private readonly known = new Set<string>();
  private readonly toasts = new Map<string, string>();
}

/** A board and the screen, with a clock that stands still until it is told to go on. */
function hung(act: (board: Board, screen: Screen, pass: (ms: number) => void) => void): void {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  try {
    const screen = new Screen();
    act(new Board(screen), screen, ms => {
      for (let passed = 0; passed < ms; passed += 1) {
        mock.timers.tick(1);
      }
    });
  } finally {
    mock.timers.reset();
  }
}

test('a toast that is changed and taken down at once does not come back', () => {
  hung((board, screen, pass) => {
    board.show('unlocked/xor', 'XOR', 'success', {});
    pass(SETTLED);
    board.show('unlocked/xor', 'XOR again', 'success', {});
    board.dismiss('unlocked/xor');
    pass(2 * SETTLED);
    assert.deepEqual(screen.words, []);
  });
});

test('a toast that changes before it hangs says the last thing', () => {
  hung((board, screen, pass) => {
    for (const words of ['3 unlocked', '4 unlocked', '5 unlocked']) {
      board.show('unlocked', words, 'success', {});
    }
    pass(2 * SETTLED);
    assert.deepEqual(screen.words, ['5 unlocked']);
  });
});

test('a toast that was shown is changed at once, and is new when it was dismissed', () => {
  hung((board, screen, pass) => {
    board.show('check', '1 of 2', 'warning', {});
    pass(SETTLED);
    board.show('check', 'still 1 of 2', 'warning', {});
    pass(3);
    assert.deepEqual(screen.words, ['still 1 of 2']);
    screen.dismiss('1');
    pass(SETTLED);
    board.show('check', '0 of 2', 'warning', {});
    pass(3);
    assert.deepEqual(screen.words, ['0 of 2']);
    board.show('check', '2 of 2', 'success', {});
    pass(2 * SETTLED);
    assert.deepEqual(screen.words, ['2 of 2']);
  });
});

test('what stands for another cause stays', () => {
  hung((board, screen, pass) => {
    board.show('one', '1', 'info', {});
    board.show('other', '2', 'info', {});
    board.dismiss('one');
    board.dismiss('never shown');
    pass(2 * SETTLED);
    assert.deepEqual(screen.words, ['2']);
  });
});

function unlocked(milestone: string, title: string, workspace = 'course'): CourseEvent {
  const event = parseEvent({
    schema_id: EVENT_SCHEMA,
    workspace,
    sequence: 1,
    kind: 'unlocked',
    milestone,
    title
  });
  assert.ok(event);
  return event;
}

test('what was unlocked waits until it was begun, each milestone once', () => {
  const unlocks = new Unlocks();
  unlocks.add(unlocked('xor', 'The XOR crisis, 1969'));
  unlocks.add(unlocked('perceptron', 'The perceptron, 1958'));
  unlocks.add(unlocked('mlp', 'The revival, 1986', 'another course'));
  unlocks.add(unlocked('xor', 'The XOR crisis, 1969'));
  const names = (): string[] => unlocks.of('course').map(event => event.milestone);
  assert.deepEqual(names(), ['perceptron', 'xor']);
  unlocks.remove('course', 'perceptron');
  unlocks.remove('course', 'never unlocked');
  assert.deepEqual(names(), ['xor']);
  unlocks.clear('course');
  assert.deepEqual(names(), []);
  assert.equal(unlocks.of('another course').length, 1);
});

test('one sentence names them all, or as many as find room', () => {
  const events = [
    unlocked('perceptron', "Rosenblatt's perceptron, 1958"),
    unlocked('xor', 'The XOR crisis, 1969'),
    unlocked('mlp', 'The MLP revival, 1986')
  ];
  assert.equal(
    unlockedSentence(events, trans),
    "3 milestones unlocked: Rosenblatt's perceptron, The XOR crisis, The MLP revival"
  );
  assert.equal(
    unlockedSentence(events, trans, 75),
    "3 milestones unlocked: Rosenblatt's perceptron, The XOR crisis, and 1 more"
  );
  assert.equal(
    unlockedSentence(events, trans, 10),
    "3 milestones unlocked: Rosenblatt's perceptron, and 2 more"
  );
});
