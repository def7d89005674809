/**
 * A surface to draw a digit on, and what the student's network makes of it while it is drawn.
 *
 * The model's `drawing` goes to the kernel: {key, strokes: [[x, y, x, y, ...]]}. Its `answer` comes
 * back: {key, probabilities, tiles: [{title, images: [{width, height, signed, data, caption}]}]}
 * or {key} alone where nothing was drawn, or {key, problem}.
 */

const SIDE = 280;
const NEAR = 1.5; // points nearer to each other than this are one
const GAP = 30; // milliseconds between two questions at least
const LATE = 1500; // after which the kernel is said to be busy
const QUIET = 700; // without a change before a screen reader is told
const FOR = [0, 114, 178];
const AGAINST = [213, 94, 0];

/** An element with attributes and children. */
function make(tag, attributes = {}, ...children) {
  const svg = tag === 'svg' || tag === 'path' || tag === 'text';
  const found = svg
    ? document.createElementNS('http://www.w3.org/2000/svg', tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    found.setAttribute(name, value);
  }
  found.append(...children);
  return found;
}

/** The path through a stroke's points: curves from middle to middle, which have no corners. */
function smooth(stroke) {
  const [x, y] = stroke;
  if (stroke.length < 4) {
    return `M${x} ${y}h0.01`;
  }
  let path = `M${x} ${y}`;
  for (let i = 2; i + 3 < stroke.length; i += 2) {
    const [a, b, c, d] = stroke.slice(i, i + 4);
    path += `Q${a} ${b} ${(a + c) / 2} ${(b + d) / 2}`;
  }
  return `${path}L${stroke.at(-2)} ${stroke.at(-1)}`;
}

function percent(share) {
  const whole = Math.round(100 * share);
  return share > 0 && whole === 0 ? '< 1 %' : `${whole} %`;
}

/** One picture, a pixel of the canvas for each number; the style sheet makes it larger. */
function picture({ width, height, signed, data }) {
  const canvas = make('canvas', { width, height, class: signed ? 'tinytorch-signed' : '' });
  const context = canvas.getContext('2d');
  const pixels = context.createImageData(width, height);
  const values = signed
    ? new Int8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  values.forEach((value, i) => {
    const colour = signed ? (value > 0 ? FOR : AGAINST) : [0, 0, 0];
    pixels.data.set([...colour, signed ? 2 * Math.abs(value) : value], 4 * i);
  });
  context.putImageData(pixels, 0, 0);
  return canvas;
}

function render({ model, el }) {
  const prompt = make('text', { x: '50%', y: '50%', class: 'tinytorch-prompt' });
  prompt.textContent = 'Draw a digit here';
  const surface = make(
    'svg',
    {
      viewBox: `0 0 ${SIDE} ${SIDE}`,
      class: 'tinytorch-surface',
      tabindex: '0',
      role: 'img',
      'aria-label': 'Drawing surface for one digit: mouse, pen or finger. The delete key clears it.'
    },
    prompt
  );
  const clear = make('button', { type: 'button', class: 'tinytorch-clear' }, 'Clear');
  const hint = make('span', { class: 'tinytorch-muted' });
  const bars = [...Array(10).keys()].map(digit => {
    const share = make('span', { class: 'tinytorch-share' });
    const fill = make('div');
    const row = make(
      'li',
      { 'data-digit': digit },
      make('b', {}, `${digit}`),
      make('div', { class: 'tinytorch-measure' }, fill),
      share
    );
    return { row, fill, share };
  });
  const list = make('ol', { role: 'list', 'aria-label': 'Probability of each digit' });
  list.append(...bars.map(bar => bar.row));
  const says = make('p', { class: 'tinytorch-verdict' });
  const sees = make('div', { class: 'tinytorch-sees' });
  const spoken = make('p', { class: 'tinytorch-spoken', 'aria-live': 'polite' });
  const root = make(
    'section',
    { class: 'tinytorch-canvas tinytorch-game', 'aria-label': 'Draw a digit' },
    make('p', { class: 'tinytorch-title' }, model.get('title')),
    make('p', { class: 'tinytorch-muted' }, model.get('about')),
    make(
      'div',
      { class: 'tinytorch-sides' },
      make(
        'div',
        { class: 'tinytorch-draw' },
        surface,
        make('div', { class: 'tinytorch-tools' }, clear, hint)
      ),
      make('div', { class: 'tinytorch-answer' }, says, list)
    ),
    sees,
    spoken
  );

  let strokes = [];
  let paths = [];
  let pointer = null; // whose stroke is being drawn
  let changed = false; // since the last question
  let waiting = ''; // key of the question that has no answer yet
  let asked = 0;
  let timer = 0;
  let late = 0;
  let quiet = 0;
  const self = Math.random().toString(36).slice(2);

  function redraw() {
    paths.forEach(path => path.remove());
    paths = strokes.map(stroke => make('path', { d: smooth(stroke) }));
    surface.append(...paths);
    prompt.style.display = strokes.length ? 'none' : '';
  }

  /** Ask soon; while a question is open, the newest drawing waits for its answer. */
  function ask() {
    changed = true;
    list.setAttribute('aria-busy', 'true');
    if (!waiting && !timer) {
      timer = setTimeout(send, GAP);
    }
  }

  function send() {
    timer = 0;
    changed = false;
    asked += 1;
    waiting = `${self}-${asked}`;
    late = setTimeout(() => {
      hint.textContent = 'The kernel is busy; it answers when it can.';
    }, LATE);
    model.set('drawing', { key: waiting, strokes });
    model.save_changes();
  }

  function answered() {
    const answer = model.get('answer');
    if (answer.key === waiting) {
      waiting = '';
      clearTimeout(late);
      hint.textContent = '';
      if (changed) {
        ask();
      } else {
        list.removeAttribute('aria-busy');
      }
    }
    show(answer);
  }

  function show({ probabilities, tiles = [], problem = '' }) {
    // an answer that comes after Clear is about what is no longer there
    const shares = strokes.length ? probabilities : undefined;
    const order = [...bars.keys()].sort((a, b) => (shares ? shares[b] - shares[a] : 0));
    bars.forEach(({ row, fill, share }, digit) => {
      const value = shares ? shares[digit] : 0;
      row.classList.toggle('tinytorch-best', Boolean(shares) && digit === order[0]);
      fill.style.width = `${100 * value}%`;
      share.textContent = shares ? percent(value) : '';
    });
    const [first, second] = order;
    if (problem) {
      says.textContent = problem;
    } else if (!shares) {
      says.textContent = 'Nothing drawn yet.';
    } else if (shares[first] >= 0.6) {
      says.textContent = `It reads a ${first}.`;
    } else {
      says.textContent = `It is not sure: a ${first}, or a ${second}.`;
    }
    sees.replaceChildren(...(strokes.length ? tiles.map(row) : []));
    clearTimeout(quiet);
    quiet = setTimeout(() => {
      const more = shares
        ? ` ${first}: ${percent(shares[first])}, ${second}: ${percent(shares[second])}.`
        : '';
      spoken.textContent = says.textContent + more;
    }, QUIET);
  }

  function row({ title, images }) {
    const pictures = images.map(image =>
      make(
        'div',
        { class: 'tinytorch-tile' },
        make('div', { class: 'tinytorch-frame' }, picture(image)),
        make('small', {}, image.caption ?? '')
      )
    );
    return make(
      'figure',
      { class: images.length === 1 ? 'tinytorch-given' : '' },
      make('figcaption', {}, title),
      make('div', { class: 'tinytorch-tiles', 'aria-hidden': 'true' }, ...pictures)
    );
  }

  function wipe() {
    strokes = [];
    pointer = null;
    redraw();
    show({});
    ask();
  }

  /** Take an event's place into the stroke, unless the pen hardly moved. */
  function draw(event) {
    const box = surface.getBoundingClientRect();
    const inside = value => Math.round(10 * Math.min(SIDE, Math.max(0, value))) / 10;
    const x = inside(((event.clientX - box.left) * SIDE) / box.width);
    const y = inside(((event.clientY - box.top) * SIDE) / box.height);
    const stroke = strokes.at(-1);
    if (stroke.length && Math.hypot(x - stroke.at(-2), y - stroke.at(-1)) < NEAR) {
      return;
    }
    stroke.push(x, y);
    paths.at(-1)?.setAttribute('d', smooth(stroke));
  }

  surface.addEventListener('pointerdown', event => {
    if (pointer !== null || event.button !== 0) {
      return;
    }
    // keeps Lab from selecting the cell's text and the page from scrolling
    event.preventDefault();
    surface.focus({ preventScroll: true });
    pointer = event.pointerId;
    surface.setPointerCapture(pointer);
    strokes = [...strokes, []];
    draw(event);
    redraw();
    ask();
  });
  surface.addEventListener('pointermove', event => {
    if (event.pointerId !== pointer) {
      return;
    }
    const all = event.getCoalescedEvents?.() ?? [];
    (all.length ? all : [event]).forEach(draw);
    ask();
  });
  for (const name of ['pointerup', 'pointercancel', 'lostpointercapture']) {
    surface.addEventListener(name, event => {
      if (event.pointerId === pointer) {
        pointer = null;
      }
    });
  }
  clear.addEventListener('click', wipe);
  root.addEventListener('keydown', event => {
    if (event.key === 'Delete' || event.key === 'Backspace') {
      wipe();
    }
    // single keys are commands of Lab's: two d would delete the cell
    if (event.key !== 'Tab' && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.stopPropagation();
    }
  });

  /** Another view of the same widget drew; or this view was opened after something was drawn. */
  function follow() {
    const drawing = model.get('drawing');
    if (!drawing.key?.startsWith(self) && pointer === null) {
      strokes = structuredClone(drawing.strokes ?? []);
      redraw();
      show(model.get('answer'));
    }
  }

  model.on('change:answer', answered);
  model.on('change:drawing', follow);
  follow();
  el.append(root);
  return () => {
    model.off('change:answer', answered);
    model.off('change:drawing', follow);
    [timer, late, quiet].forEach(clearTimeout);
  };
}

export default { render };
