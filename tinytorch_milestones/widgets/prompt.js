/**
 * A box for a prompt, and what the student's network writes after it, a token at a time.
 *
 * The model's `wish` goes to the kernel: {key, write: true, prompt, temperature, topK} or {key} to
 * stop. Tokens come as messages {key, pieces: [{text, likely: [[text, share]]}]}, then {key,
 * judging} while a function is run on its examples. `story` holds the whole: {key, prompt, pieces,
 * ended: '' | 'whole' | 'stopped' | 'problem', problem, verdict: {right, detail, calls}, seconds}.
 */

const LATE = 1500; // milliseconds after which the kernel is said to be busy
const TOP_K = [1, 2, 3, 5, 10, 20, 40, 0]; // 0: all
const HOTTEST = 15; // tenths
const BLANKS = { ' ': '␣', '\n': '↵', '\t': '⇥' };
const NAMES = { ' ': 'blank', '\n': 'new line', '\t': 'tab' };

/** An element with attributes and children. */
function make(tag, attributes = {}, ...children) {
  const found = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    found.setAttribute(name, value);
  }
  found.append(...children);
  return found;
}

function percent(share) {
  const whole = Math.round(100 * share);
  return share > 0 && whole === 0 ? '< 1 %' : `${whole} %`;
}

/** A token as it is seen: its blanks have signs. */
function seen(token) {
  return token.replace(/[ \n\t]/g, blank => BLANKS[blank]) || '∅';
}

/** A token as it is said. */
function said(token) {
  return token.trim() ? token.trim() : [...token].map(c => NAMES[c] ?? c).join(', ') || 'nothing';
}

function temperatureWords(tenths) {
  const steps = [
    [0, 'always the likeliest token'],
    [4, 'careful'],
    [9, 'a little calmer than it learned'],
    [10, 'as it learned'],
    [HOTTEST, 'daring']
  ];
  return `${(tenths / 10).toFixed(1)}: ${steps.find(([most]) => tenths <= most)[1]}`;
}

function topWords(place) {
  const count = TOP_K[place];
  if (count === 0) {
    return 'all: any token may come';
  }
  return count === 1 ? '1: only the likeliest' : `${count}: one of the ${count} likeliest`;
}

/** A slider with its value in words. */
function slider(name, most, value, words) {
  const input = make('input', { type: 'range', min: 0, max: most, step: 1, value });
  const output = make('output');
  const tell = () => {
    output.textContent = words(Number(input.value));
    input.setAttribute('aria-valuetext', output.textContent);
  };
  input.addEventListener('input', tell);
  tell();
  return { input, row: make('label', { class: 'tinytorch-slider' }, name, input, output) };
}

function render({ model, el }) {
  const python = model.get('kind') === 'python';
  const after = model.get('kind') === 'sequence' ? ' → ' : ''; // between a prompt and its answer
  const choices = model.get('choices');
  const text = make('textarea', {
    rows: python ? 4 : 3,
    spellcheck: 'false',
    autocomplete: 'off',
    'aria-label': 'Prompt: the beginning of what is to be written'
  });
  const chooser = make(
    'select',
    { 'aria-label': 'Prompts to choose from' },
    ...choices.map(({ label }, number) => make('option', { value: number }, label)),
    make('option', { value: '' }, 'a prompt of your own')
  );
  const temperature = slider(
    'Temperature',
    HOTTEST,
    model.get('kind') === 'text' ? 8 : 0,
    temperatureWords
  );
  const top = slider('Top-k', TOP_K.length - 1, TOP_K.length - 1, topWords);
  const write = make('button', { type: 'button', class: 'tinytorch-write' }, 'Write');
  const stop = make('button', { type: 'button', class: 'tinytorch-halt', disabled: '' }, 'Stop');
  const hint = make('span', { class: 'tinytorch-muted' });
  const given = make('span', { class: 'tinytorch-muted' });
  const tokens = make('span', {
    role: 'listbox',
    'aria-orientation': 'horizontal',
    'aria-label': 'What was written, token by token; arrow keys go from one to the next'
  });
  const page = make('div', { class: 'tinytorch-page' }, given, tokens);
  const likely = make('div', { class: 'tinytorch-likely' });
  const verdict = make('div', { class: 'tinytorch-judged' });
  const spoken = make('p', { class: 'tinytorch-spoken', 'aria-live': 'polite' });
  const root = make(
    'section',
    { class: 'tinytorch-prompt-box tinytorch-game', 'aria-label': 'Write with your network' },
    make('p', { class: 'tinytorch-title' }, model.get('title')),
    make('p', { class: 'tinytorch-muted' }, model.get('about')),
    ...(choices.length ? [make('label', { class: 'tinytorch-choice' }, 'Prompt', chooser)] : []),
    text,
    make('div', { class: 'tinytorch-settings' }, temperature.row, top.row),
    make('div', { class: 'tinytorch-tools' }, write, stop, hint),
    page,
    likely,
    verdict,
    spoken
  );

  const self = Math.random().toString(36).slice(2);
  let asked = 0;
  let key = ''; // of the text that is shown
  let shown = []; // its pieces
  let writing = false;
  let late = 0;
  let marked = -1; // the token whose alternatives are shown

  function ask(wish) {
    asked += 1;
    const mine = `${self}-${asked}`;
    model.set('wish', { key: mine, ...wish });
    model.save_changes();
    return mine;
  }

  function begin() {
    key = ask({
      write: true,
      prompt: text.value,
      temperature: Number(temperature.input.value) / 10,
      topK: TOP_K[Number(top.input.value)]
    });
    clear(text.value);
    busy(true);
    spoken.textContent = 'Writing.';
    late = setTimeout(() => {
      hint.textContent = 'The kernel is busy; it writes when it can.';
    }, LATE);
  }

  function halt() {
    ask({});
    clearTimeout(late);
    late = setTimeout(() => {
      hint.textContent = 'The kernel is busy; it stops as soon as it hears of it.';
    }, LATE);
  }

  function busy(now) {
    writing = now;
    clearTimeout(late);
    write.textContent = now ? 'Write anew' : 'Write';
    stop.toggleAttribute('disabled', !now);
    page.setAttribute('aria-busy', `${now}`);
    page.classList.toggle('tinytorch-writing', now);
  }

  function clear(prompt) {
    shown = [];
    marked = -1;
    given.textContent = prompt && `${prompt}${after}`;
    tokens.replaceChildren();
    likely.replaceChildren(
      make(
        'p',
        { class: 'tinytorch-muted' },
        'Point at a token, or go through them with the arrow keys, to see what else was likely.'
      )
    );
    verdict.replaceChildren();
    hint.textContent = '';
  }

  function add(pieces) {
    const first = shown.length;
    shown.push(...pieces);
    tokens.append(
      ...pieces.map((piece, i) =>
        make(
          'span',
          {
            role: 'option',
            'aria-selected': 'false',
            'data-token': first + i,
            tabindex: first + i ? '-1' : '0',
            'aria-label': spell(piece)
          },
          piece.text
        )
      )
    );
    if (page.scrollHeight - page.scrollTop - page.clientHeight < 80) {
      page.scrollTop = page.scrollHeight;
    }
  }

  function spell({ text: token, likely: others }) {
    const shares = others.map(([other, share]) => `${said(other)} ${percent(share)}`);
    return `${said(token)}. Likeliest here: ${shares.join(', ')}`;
  }

  /** Show what was likely in a token's place. */
  function mark(number) {
    const piece = shown[number];
    if (!piece || number === marked) {
      return;
    }
    tokens.children[marked]?.setAttribute('aria-selected', 'false');
    tokens.children[number].setAttribute('aria-selected', 'true');
    marked = number;
    const chosen = piece.likely.some(([token]) => token === piece.text);
    const other = piece.text ? `${seen(piece.text)}, less likely` : 'a part of a letter';
    const rows = piece.likely.map(([token, share]) => {
      const fill = make('div');
      fill.style.width = `${100 * share}%`;
      const took = token === piece.text;
      return make(
        'li',
        { class: took ? 'tinytorch-best' : '' },
        make('code', {}, seen(token)),
        make('div', { class: 'tinytorch-measure' }, fill),
        make('span', { class: 'tinytorch-share' }, percent(share)),
        make('span', { class: 'tinytorch-taken' }, took ? '✓ written' : '')
      );
    });
    likely.replaceChildren(
      make('p', {}, 'Likeliest here', chosen ? '' : ` (written: ${other})`),
      make('ol', { role: 'list' }, ...rows)
    );
  }

  function judged({ right, detail, calls }) {
    const wrong = calls.filter(call => !call.right).length;
    const summary = right
      ? `✓ Right: all ${calls.length} calls return what they should.`
      : `✗ Wrong: ${detail || `${wrong} of ${calls.length} calls return something else.`}`;
    const rows = calls.map(call =>
      make(
        'tr',
        { class: call.right ? 'tinytorch-right' : 'tinytorch-wrong' },
        make('td', {}, make('code', {}, call.call)),
        make('td', {}, make('code', {}, call.returned || 'nothing')),
        make('td', {}, make('code', {}, call.expected)),
        make('td', {}, call.right ? '✓ right' : '✗ wrong')
      )
    );
    const heads = ['call', 'returned', 'should return', ''];
    verdict.replaceChildren(
      make('p', { class: right ? 'tinytorch-right' : 'tinytorch-wrong' }, make('b', {}, summary)),
      ...(rows.length
        ? [
            make(
              'div',
              { class: 'tinytorch-calls', tabindex: '0', 'aria-label': 'Calls and their results' },
              make(
                'table',
                {},
                make('thead', {}, make('tr', {}, ...heads.map(h => make('th', {}, h)))),
                make('tbody', {}, ...rows)
              )
            )
          ]
        : [])
    );
    return summary;
  }

  function message(content) {
    if (content.key !== key) {
      return;
    }
    if (content.pieces) {
      if (!shown.length) {
        clearTimeout(late);
        hint.textContent = '';
      }
      add(content.pieces);
    } else if (content.judging) {
      hint.textContent = 'Running it on its examples…';
    }
  }

  /** The whole story: at its beginning, at its end, or when this view is opened after that. */
  function follow() {
    const story = model.get('story');
    if (!story.key || (story.key !== key && story.key.startsWith(self))) {
      return; // of an older wish
    }
    if (story.key !== key || story.pieces.length !== shown.length) {
      key = story.key;
      clear(story.prompt);
      add(story.pieces);
    }
    busy(story.ended === '');
    if (story.ended === '') {
      return;
    }
    const count = story.pieces.length;
    const pace = story.seconds > 0 ? `, ${Math.round(count / story.seconds)} a second` : '';
    const words = { whole: 'Done', stopped: 'Stopped', problem: 'Ended' }[story.ended];
    hint.textContent = count
      ? `${words}: ${count} ${count === 1 ? 'token' : 'tokens'}${pace}.`
      : '';
    let summary = '';
    if (story.problem) {
      summary = story.problem;
      verdict.replaceChildren(make('p', { class: 'tinytorch-wrong' }, story.problem));
    } else if (story.verdict.calls) {
      summary = judged(story.verdict);
    } else if (python && story.ended === 'whole') {
      summary = 'Not run: what this prompt asks for cannot be told. Those to choose from can be.';
      verdict.replaceChildren(make('p', { class: 'tinytorch-muted' }, summary));
    }
    const whole = story.pieces.map(piece => piece.text).join('');
    spoken.textContent = `${hint.textContent} ${whole} ${summary}`;
  }

  function choose() {
    const choice = choices[chooser.value];
    if (choice) {
      text.value = choice.prompt;
    } else {
      text.focus();
    }
  }

  /** Show which of the choices the prompt is, if it is one. */
  function recognise() {
    const number = choices.findIndex(({ prompt }) => prompt === text.value);
    chooser.value = number < 0 ? '' : `${number}`;
  }

  function numberOf(event) {
    const token = event.target.closest?.('[data-token]');
    return token ? Number(token.dataset.token) : -1;
  }

  function walk(event) {
    const at = numberOf(event);
    const places = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      ArrowDown: at + 10,
      ArrowUp: at - 10,
      Home: 0,
      End: shown.length - 1
    };
    if (at < 0 || !(event.key in places)) {
      return;
    }
    event.preventDefault();
    const next = Math.min(shown.length - 1, Math.max(0, places[event.key]));
    tokens.children[at].setAttribute('tabindex', '-1');
    tokens.children[next].setAttribute('tabindex', '0');
    tokens.children[next].focus();
  }

  write.addEventListener('click', begin);
  stop.addEventListener('click', () => {
    halt();
    write.focus();
  });
  chooser.addEventListener('change', choose);
  text.addEventListener('input', recognise);
  tokens.addEventListener('pointerover', event => mark(numberOf(event)));
  tokens.addEventListener('focusin', event => mark(numberOf(event)));
  tokens.addEventListener('keydown', walk);
  root.addEventListener('keydown', event => {
    if (event.target === text && event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      begin();
    }
    if (event.key === 'Escape' && writing) {
      halt();
    }
    // single keys are commands of Lab's: two d would delete the cell; and Ctrl+Enter runs it
    if (event.key !== 'Tab') {
      event.stopPropagation();
    }
  });

  model.on('msg:custom', message);
  model.on('change:story', follow);
  const told = model.get('story');
  text.value = told.prompt ?? choices[0]?.prompt ?? '';
  recognise();
  clear('');
  follow();
  el.append(root);
  return () => {
    model.off('msg:custom', message);
    model.off('change:story', follow);
    clearTimeout(late);
  };
}

export default { render };
