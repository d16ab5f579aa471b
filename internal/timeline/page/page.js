'use strict';
// Draws the timeline in #data. All text comes from programs and is only ever set
// as text. Times are nanoseconds since the start.
(() => {
const began = performance.now();
const data = JSON.parse(document.getElementById('data').textContent);
for (const list of ['lanes', 'bars', 'arrows', 'marks', 'events', 'summary']) data[list] ||= [];
const $ = id => document.getElementById(id);
const canvas = $('canvas'), stage = $('stage'), ctx = canvas.getContext('2d');
const axis = 34, rowHeight = data.lanes.length > 60 ? 26 : 44;
const root = document.documentElement;

// ---- words

function span(ns) {
  const units = [[3600e9, 'h'], [60e9, 'min'], [1e9, 's'], [1e6, 'ms'], [1e3, 'µs']];
  for (const [size, unit] of units) if (Math.abs(ns) >= size) {
    const n = ns / size;
    return (n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2)) + ' ' + unit;
  }
  return ns ? ns + ' ns' : '0 s';
}
const clock = ns => (ns / 1e9).toFixed(3) + ' s';
const named = i => { const l = data.lanes[i]; return l.pid ? l.name + ' ' + l.pid : l.name; };

function wordsOf(item) {
  const lines = [];
  if (item.signal !== undefined && item.from !== undefined) {
    const from = data.lanes[item.from], to = data.lanes[item.to];
    lines.push(item.signal + (item.was ? ' (for ' + item.was + ')' : '') + ': ' + named(item.from) + ' → ' + named(item.to) + (item.pid && !to.pid ? ' ' + item.pid : ''));
    if (item.came) lines.push('came by ' + item.came + (item.value !== undefined ? ', value ' + item.value : '') + (from.kind === 'sender' && from.pid ? ', uid ' + (from.uid || 0) : ''));
    if (item.failed) lines.push('could not be sent: ' + item.failed);
    if (item.disposition) lines.push('there it was: ' + item.disposition);
    if (item.became) lines.push('then: ' + ({ended: item.how || 'ended', stopped: 'stopped', continued: 'continued', nothing: 'nothing seen', unseen: 'not known, no child of supervise'}[item.became] || item.became) +
      (item.became === 'unseen' ? '' : ', ' + span(item.after_ns || 0) + (item.became === 'nothing' ? '' : ' later')));
    else if (to.kind !== 'supervise') lines.push('then: nothing seen yet');
    lines.push('at ' + clock(item.at_ns) + ', event ' + item.seq);
  } else if (item.state) {
    lines.push(named(item.lane) + ': ' + item.state + (item.pid ? ', pid ' + item.pid : ''));
    if (item.text) lines.push(item.text);
    lines.push(span(item.to_ns - item.from_ns) + (item.open ? ' up to the end of the trace' : '') + ', from ' + clock(item.from_ns));
  } else {
    lines.push(item.text);
    lines.push(item.event + ', at ' + clock(item.at_ns) + ', event ' + item.seq);
  }
  return lines;
}

function fill(element, lines) {
  element.replaceChildren(...lines.map(line => { const p = document.createElement('p'); p.textContent = line; return p; }));
}

// ---- what is shown

const filter = {service: '', signal: '', kind: ''};
let arrows, marks, bars, events;

function choose() {
  const lane = i => data.lanes[i];
  const ofService = i => !filter.service || lane(i).service === filter.service;
  const kindOf = name => name.split('.')[0];
  const kind = name => !filter.kind || kindOf(name) === filter.kind;
  const reached = new Set(data.arrows.filter(a => filter.service && ofService(a.to) && a.of).map(a => a.of));
  arrows = data.arrows.filter(a => (!filter.signal || a.signal === filter.signal || a.was === filter.signal) && (!filter.kind || filter.kind === 'signal') &&
    (ofService(a.from) || ofService(a.to) || reached.has(a.seq)));
  marks = data.marks.filter(m => ofService(m.lane) && kind(m.event) && !filter.signal);
  bars = data.bars.filter(b => ofService(b.lane) || lane(b.lane).kind === 'supervise');
  events = data.events.filter(e => (!filter.service || e.service === filter.service) && (!filter.signal || e.signal === filter.signal) && kind(e.event));
  page = 0;
}

// ---- time to place: true, or with pauses squeezed

const knots = [0, ...new Set([...data.arrows.map(a => a.at_ns), ...data.marks.map(m => m.at_ns), ...data.bars.flatMap(b => [b.from_ns, b.to_ns])])].sort((a, b) => a - b);
if (knots[knots.length - 1] < data.length_ns) knots.push(data.length_ns);
let places = knots;
function measure(squeezed) {
  if (!squeezed) { places = knots; return; }
  const unit = Math.max(1e5, data.length_ns / 1e5);
  places = [0];
  for (let i = 1; i < knots.length; i++) places.push(places[i - 1] + Math.log1p((knots[i] - knots[i - 1]) / unit) + .02);
}
function interpolate(from, to, v) {
  let low = 0, high = from.length - 1;
  if (high < 1 || v <= from[0]) return to[0] + (v - from[0]);
  if (v >= from[high]) return to[high];
  while (high - low > 1) { const mid = (low + high) >> 1; if (from[mid] <= v) low = mid; else high = mid; }
  const width = from[high] - from[low];
  return to[low] + (width ? (v - from[low]) / width * (to[high] - to[low]) : 0);
}
let left = 0, right = 1, width = 0, height = 0; // the part of the whole that is seen
const total = () => places[places.length - 1] || 1;
const x = ns => (interpolate(knots, places, ns) / total() - left) / (right - left) * (width - 24) + 12;
const timeAt = px => interpolate(places, knots, ((px - 12) / (width - 24) * (right - left) + left) * total());
const y = lane => axis + lane * rowHeight + rowHeight / 2 - stage.scrollTop;

function zoom(by, at) {
  const share = (at - 12) / Math.max(width - 24, 1), middle = left + share * (right - left);
  const size = Math.min(1.1, Math.max(1e-7, (right - left) * by));
  left = middle - share * size; right = left + size;
  move(0);
}
function move(by) {
  const size = right - left;
  left = Math.min(Math.max(left + by * size, Math.min(-.02, .5 - size / 2)), Math.max(1.02 - size, .5 - size / 2));
  right = left + size;
  paint();
}
function fit() { left = -.01; right = 1.01; paint(); }

// ---- drawing

let colours, pending = false, hovered = null, chosen = null;
function learnColours() {
  const style = getComputedStyle(root);
  colours = {};
  for (const name of ['paper', 'panel', 'ink', 'soft', 'line', 'stripe', 'running', 'starting', 'stopping', 'held', 'backoff', 'waiting', 'seen', 'supervise', 'signal', 'kill', 'other', 'bad', 'mark', 'focus'])
    colours[name] = style.getPropertyValue('--' + name).trim();
}
function paint() {
  if (!pending) { pending = true; requestAnimationFrame(() => { pending = false; draw(); }); }
}
const font = 'system-ui, "Noto Sans", "DejaVu Sans", sans-serif';
function signalColour(a) {
  if (a.failed || a.signal === 'KILL') return colours.kill;
  return ['TERM', 'INT', 'QUIT', 'HUP', 'STOP', 'TSTP', 'CONT'].includes(a.signal) ? colours.signal : colours.other;
}

function resize() {
  const dpr = window.devicePixelRatio || 1;
  const full = axis + data.lanes.length * rowHeight + 8;
  width = $('view').clientWidth;
  height = Math.min(full, Math.max(stage.clientHeight, 200));
  canvas.style.height = height + 'px';
  canvas.width = Math.round(width * dpr); canvas.height = Math.round(height * dpr);
  ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
  paint();
}

function draw() {
  ctx.clearRect(0, 0, width, height);
  const seen = (from, to) => to >= -20 && from <= width + 20;
  data.lanes.forEach((lane, i) => {
    const middle = y(i);
    if (middle < -rowHeight || middle > height + rowHeight) return;
    if (i % 2 === 0) { ctx.fillStyle = colours.stripe; ctx.fillRect(0, middle - rowHeight / 2, width, rowHeight); }
    ctx.strokeStyle = colours.line; ctx.lineWidth = 1;
    ctx.beginPath(); ctx.moveTo(0, middle + .5); ctx.lineTo(width, middle + .5); ctx.stroke();
  });
  drawAxis();
  ctx.save(); ctx.beginPath(); ctx.rect(0, axis, width, height); ctx.clip();
  for (const bar of bars) {
    const from = x(bar.from_ns), to = Math.max(x(bar.to_ns), from + 1.5);
    if (seen(from, to)) drawBar(bar, from, to);
  }
  if (chosen && chosen.after_ns && chosen.became !== 'unseen') {
    const from = x(chosen.at_ns), to = x(chosen.at_ns + chosen.after_ns), middle = y(chosen.to);
    ctx.fillStyle = colours.focus; ctx.globalAlpha = .35; ctx.fillRect(from, middle - 3, to - from, 6); ctx.globalAlpha = 1;
  }
  const drawn = new Set(), texts = [];
  for (const a of arrows) {
    const at = x(a.at_ns);
    if (!seen(at, at)) continue;
    const key = a.from + ' ' + a.to + ' ' + Math.round(at) + ' ' + a.signal;
    if (drawn.has(key) && a !== hovered && a !== chosen) continue;
    drawn.add(key);
    drawArrow(a, at);
    texts.push([a, at]);
  }
  const dots = new Set(), quiet = ['service.started', 'service.stopping', 'service.stopped', 'service.done', 'backoff.scheduled'];
  for (const m of marks) {
    const at = x(m.at_ns), key = m.lane + ' ' + Math.round(at / 3) + m.bad;
    if (!seen(at, at) || dots.has(key) || quiet.includes(m.event) && m !== chosen) continue; // bars show these
    dots.add(key);
    drawMark(m, at);
  }
  drawNames(texts);
  ctx.restore();
}

function drawAxis() {
  ctx.fillStyle = colours.soft; ctx.strokeStyle = colours.line; ctx.font = '11.5px ' + font; ctx.textAlign = 'center'; ctx.textBaseline = 'middle';
  const squeezed = places !== knots;
  const tick = (px, ns) => {
    ctx.beginPath(); ctx.moveTo(px + .5, axis - 6); ctx.lineTo(px + .5, height); ctx.stroke();
    ctx.fillText(ns === 0 ? '0' : span(ns), Math.min(Math.max(px, 24), width - 26), 15);
  };
  if (squeezed) {
    for (let px = 12; px <= width - 11; px += Math.max(110, (width - 24) / 10)) tick(Math.round(px), Math.max(0, timeAt(px)));
  } else {
    const rough = Math.max(1, (timeAt(width) - timeAt(0)) / (width / 120)), power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(n => n * power).find(s => s >= rough);
    for (let ns = Math.max(0, Math.ceil(timeAt(0) / step) * step), n = 0; ns <= data.length_ns && n < 60; ns += step, n++) {
      const px = Math.round(x(ns));
      if (px > width) break;
      tick(px, ns);
    }
  }
  ctx.strokeStyle = colours.line; ctx.beginPath(); ctx.moveTo(0, axis - .5); ctx.lineTo(width, axis - .5); ctx.stroke();
}

function drawBar(bar, from, to) {
  const lane = data.lanes[bar.lane], middle = y(bar.lane), thick = lane.kind === 'supervise' || bar.state === 'seen' ? 6 : bar.state === 'backoff' || bar.state === 'waiting' ? 8 : 16;
  if (middle < -20 || middle > height + 20) return;
  const a = Math.max(from, -10), b = Math.min(to, width + 10);
  ctx.fillStyle = lane.kind === 'supervise' ? colours.supervise : colours[bar.state];
  ctx.beginPath(); ctx.roundRect(a, middle - thick / 2, Math.max(b - a, 1.5), thick, Math.min(4, (b - a) / 2)); ctx.fill();
  if (bar.state === 'backoff' && b - a > 8) { // hatched: nothing runs
    ctx.save(); ctx.clip(); ctx.strokeStyle = colours.panel; ctx.lineWidth = 2;
    for (let px = a - thick; px < b; px += 7) { ctx.beginPath(); ctx.moveTo(px, middle + thick / 2); ctx.lineTo(px + thick, middle - thick / 2); ctx.stroke(); }
    ctx.restore();
  }
  if (bar === hovered) { ctx.strokeStyle = colours.focus; ctx.lineWidth = 1.5; ctx.stroke(); }
}

function drawArrow(a, at) {
  const from = y(a.from), to = y(a.to), strong = a === hovered || a === chosen;
  const down = to > from ? 1 : -1, px = Math.round(at) + .5;
  ctx.strokeStyle = ctx.fillStyle = signalColour(a); ctx.lineWidth = strong ? 2.6 : 1.5;
  if (a.failed) ctx.setLineDash([4, 3]);
  ctx.beginPath(); ctx.moveTo(px, from); ctx.lineTo(px, to - 7 * down); ctx.stroke(); ctx.setLineDash([]);
  ctx.beginPath(); ctx.moveTo(px, to - down); ctx.lineTo(px - 4.5, to - 10 * down); ctx.lineTo(px + 4.5, to - 10 * down); ctx.fill();
  ctx.beginPath(); ctx.arc(px, from, strong ? 4 : 3, 0, 7); ctx.fill();
}

// drawNames writes the names of signals where no other stands.
function drawNames(texts) {
  ctx.font = '600 11.5px ' + font; ctx.textAlign = 'left'; ctx.textBaseline = 'middle';
  const taken = [], named = new Set();
  texts.sort((p, q) => (q[0] === hovered || q[0] === chosen) - (p[0] === hovered || p[0] === chosen));
  for (const [a, at] of texts) {
    if (taken.length > 500) break;
    if (named.has(a.seq)) continue;
    const text = a.signal + (a.was ? ' ⇐ ' + a.was : ''), wide = ctx.measureText(text).width + 8;
    const down = a.to > a.from ? 1 : -1, middle = y(a.from) + down * rowHeight / 2;
    for (const px of [at + 6, at - 6 - wide]) {
      const box = [px, middle - 8, px + wide, middle + 8];
      if (px < 0 || box[2] > width || taken.some(t => box[0] < t[2] && t[0] < box[2] && box[1] < t[3] && t[1] < box[3])) continue;
      taken.push(box); named.add(a.seq);
      ctx.fillStyle = colours.panel; ctx.globalAlpha = .88;
      ctx.beginPath(); ctx.roundRect(box[0], box[1], wide, 16, 5); ctx.fill(); ctx.globalAlpha = 1;
      ctx.fillStyle = signalColour(a);
      ctx.fillText(text, px + 4, middle + .5);
      break;
    }
  }
}

function drawMark(m, at) {
  const middle = y(m.lane), end = m.event === 'process.exited' || m.event === 'service.failed' || m.event === 'start.failed' || m.event === 'orphan.reaped';
  ctx.lineWidth = m === hovered || m === chosen ? 3 : 2;
  ctx.strokeStyle = ctx.fillStyle = m.bad || end && !/^exited 0 /.test(m.text) ? colours.bad : colours.mark;
  ctx.beginPath();
  if (end) { ctx.moveTo(at - 5, middle - 5); ctx.lineTo(at + 5, middle + 5); ctx.moveTo(at + 5, middle - 5); ctx.lineTo(at - 5, middle + 5); ctx.stroke(); }
  else if (m.bad) { ctx.moveTo(at, middle - 14); ctx.lineTo(at + 5, middle - 6); ctx.lineTo(at - 5, middle - 6); ctx.fill(); }
  else { ctx.arc(at, middle, 3, 0, 7); ctx.fill(); }
}

// ---- what is under the pointer

function find(px, py) {
  let best = null, least = 8;
  for (const m of marks) {
    const d = Math.hypot(x(m.at_ns) - px, y(m.lane) - py);
    if (d < least) { least = d; best = m; }
  }
  if (best) return best;
  for (const a of arrows) {
    const d = Math.abs(x(a.at_ns) - px), from = y(a.from), to = y(a.to);
    if (d < least && py >= Math.min(from, to) - 4 && py <= Math.max(from, to) + 4) { least = d; best = a; }
  }
  if (best) return best;
  return bars.findLast(b => Math.abs(y(b.lane) - py) < 10 && px >= x(b.from_ns) - 1 && px <= x(b.to_ns) + 1) || null;
}
function point(event) {
  const box = canvas.getBoundingClientRect(), item = find(event.clientX - box.left, event.clientY - box.top), tip = $('tip');
  if (item !== hovered) { hovered = item; paint(); if (item) fill(tip, wordsOf(item)); }
  tip.hidden = !item;
  if (item) {
    const room = tip.getBoundingClientRect();
    tip.style.left = Math.max(6, Math.min(event.clientX + 14, innerWidth - room.width - 8)) + 'px';
    tip.style.top = (event.clientY + 18 + room.height > innerHeight ? event.clientY - room.height - 12 : event.clientY + 18) + 'px';
  }
}
function select(item, follow) {
  chosen = item;
  $('detail').hidden = !item;
  if (item) {
    fill($('detail'), wordsOf(item));
    if (item.seq !== undefined) {
      const n = events.findIndex(e => e.seq === item.seq);
      if (n >= 0) { page = Math.floor(n / pageSize); list(); }
      if (follow) {
        const at = x(item.at_ns);
        if (at < 20 || at > width - 20) move((at - width / 2) / (width - 24));
      }
    }
  }
  paint();
}

// ---- the list of all events

const pageSize = 200;
let page = 0;
function list() {
  const from = page * pageSize, part = events.slice(from, from + pageSize);
  const bad = new Set(data.marks.filter(m => m.bad).map(m => m.seq));
  $('events').replaceChildren(...part.map(e => {
    const row = document.createElement('tr');
    for (const text of [clock(e.at_ns), e.seq, e.service || '', e.event, e.text]) { const cell = document.createElement('td'); cell.textContent = text; row.append(cell); }
    if (bad.has(e.seq)) row.className = 'bad';
    if (chosen && chosen.seq === e.seq) row.className += ' chosen';
    row.addEventListener('click', () => select(itemOf(e), true));
    return row;
  }));
  $('where').textContent = events.length ? (from + 1) + ' to ' + (from + part.length) + ' of ' + events.length : 'none';
  $('earlier').disabled = page === 0;
  $('later').disabled = from + pageSize >= events.length;
}
function itemOf(e) { return data.arrows.find(a => a.seq === e.seq) || data.marks.find(m => m.seq === e.seq) || {...e, lane: 0}; }

// ---- set-up

function options(select, all, values) {
  select.replaceChildren(...[['', all], ...values.map(v => [v, v])].map(([value, text]) => { const o = document.createElement('option'); o.value = value; o.textContent = text; return o; }));
}
function show() {
  choose(); list(); paint();
  document.body.dataset.lanes = data.lanes.length;
  document.body.dataset.arrows = arrows.length;
  document.body.dataset.events = events.length;
  canvas.setAttribute('aria-label', data.lanes.length + ' lanes, ' + arrows.length + ' arrows of signals; the list of all events below says the same');
}
document.title = 'trace: ' + (data.title || 'supervise');
$('title').textContent = data.title || 'a trace of supervise';
$('about').textContent = new Date(data.start).toLocaleString() + ', ' + span(data.length_ns) + ', ' + data.events.length + ' events, ' + new Set(data.arrows.map(a => a.seq)).size + ' signals' +
  (data.missing ? ', ' + data.missing + ' events missing' : '') + (data.ended ? '' : ', no end');
$('lanes').append(...data.lanes.map(lane => {
  const item = document.createElement('li'), name = document.createElement('b'), under = document.createElement('i');
  item.className = lane.kind; item.style.height = rowHeight + 'px';
  name.textContent = lane.name; name.title = lane.name;
  under.textContent = {sender: lane.pid ? 'pid ' + lane.pid + ', uid ' + (lane.uid || 0) : 'sender', supervise: 'pid ' + (lane.pid || '?'), service: 'service', process: lane.pid ? 'pid ' + lane.pid : ''}[lane.kind];
  item.append(name); if (rowHeight > 30) item.append(under);
  return item;
}));
$('summary').append(...data.summary.map(line => { const item = document.createElement('li'); item.textContent = line; return item; }));
const states = new Set(data.bars.filter(b => data.lanes[b.lane].kind === 'service').map(b => b.state));
for (const [state, text] of [['starting', 'starts'], ['running', 'runs'], ['stopping', 'is being stopped'], ['held', 'held by a signal'], ['backoff', 'backoff'], ['waiting', 'waits for others']])
  if (states.has(state)) legend(state, text, '');
if (data.arrows.length) { legend('signal', 'signals that end or hold', 'line'); legend('kill', 'KILL', 'line'); legend('other', 'other signals', 'line'); }
function legend(colour, text, kind) {
  const item = document.createElement('span');
  item.textContent = text; item.className = kind; item.style.setProperty('--c', 'var(--' + colour + ')');
  $('legend').append(item);
}
const distinct = values => [...new Set(values.filter(Boolean))].sort();
options($('service'), 'all', distinct(data.lanes.map(l => l.service)));
options($('signal'), 'all', distinct(data.arrows.flatMap(a => [a.signal, a.was])));
options($('kind'), 'all', distinct(data.events.map(e => e.event.split('.')[0])));
for (const name of ['service', 'signal', 'kind']) $(name).addEventListener('change', event => { filter[name] = event.target.value; select(null); show(); });
const gaps = knots.slice(1).map((k, i) => k - knots[i]);
$('squeeze').checked = gaps.length > 3 && Math.max(...gaps.slice(0, 50000)) > data.length_ns * .6;
measure($('squeeze').checked);
$('squeeze').addEventListener('change', event => { measure(event.target.checked); fit(); });
$('in').addEventListener('click', () => zoom(.6, width / 2));
$('out').addEventListener('click', () => zoom(1 / .6, width / 2));
$('fit').addEventListener('click', fit);
$('earlier').addEventListener('click', () => { page--; list(); });
$('later').addEventListener('click', () => { page++; list(); });
function theme(name) { root.dataset.theme = name; learnColours(); paint(); }
$('theme').addEventListener('click', () => {
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  theme(dark ? 'light' : 'dark');
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { learnColours(); paint(); });
canvas.addEventListener('wheel', event => {
  event.preventDefault();
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) move((event.deltaX || event.deltaY) / width);
  else zoom(Math.exp(event.deltaY / 400), event.clientX - canvas.getBoundingClientRect().left);
}, {passive: false});
let grip = null;
canvas.addEventListener('pointerdown', event => { grip = {x: event.clientX, moved: false}; canvas.setPointerCapture(event.pointerId); });
canvas.addEventListener('pointermove', event => {
  if (!grip) { point(event); return; }
  const by = event.clientX - grip.x;
  if (!grip.moved && Math.abs(by) < 4) return;
  grip.moved = true; grip.x = event.clientX;
  canvas.classList.add('moving'); $('tip').hidden = true;
  move(-by / (width - 24) );
});
canvas.addEventListener('pointerup', event => {
  if (grip && !grip.moved) { point(event); select(hovered); }
  grip = null; canvas.classList.remove('moving');
});
canvas.addEventListener('pointercancel', () => { grip = null; canvas.classList.remove('moving'); });
canvas.addEventListener('pointerleave', () => { $('tip').hidden = true; if (hovered) { hovered = null; paint(); } });
const steps = [...data.arrows, ...data.marks].sort((a, b) => a.seq - b.seq);
addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(SELECT|INPUT)$/.test(event.target.tagName)) return;
  const step = by => {
    const shown = steps.filter(s => s.from !== undefined ? arrows.includes(s) : marks.includes(s));
    const n = chosen ? shown.indexOf(chosen) + by : by > 0 ? 0 : shown.length - 1;
    if (shown[n]) select(shown[n], true);
  };
  const act = {'+': () => zoom(.6, width / 2), '=': () => zoom(.6, width / 2), '-': () => zoom(1 / .6, width / 2), '0': fit,
    ArrowLeft: () => move(-.2), ArrowRight: () => move(.2), n: () => step(1), p: () => step(-1), Escape: () => select(null)}[event.key];
  if (act) { event.preventDefault(); act(); }
});
stage.addEventListener('scroll', paint);
new ResizeObserver(resize).observe($('view'));
const wanted = /theme=(light|dark)/.exec(location.hash);
if (wanted) root.dataset.theme = wanted[1];
learnColours(); show(); resize(); fit(); draw();
document.body.dataset.ms = Math.round(performance.now() - began);
document.body.dataset.ready = 'yes';
})();
