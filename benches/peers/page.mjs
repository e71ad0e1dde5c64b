// The comparison as it stands in docs/benchmarks.md, between two markers: machine, versions, commands, a table a cell, what was
// noisy and what went wrong. It shows what was measured; it judges nothing but the goals of cells.mjs.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fault, figure, short, summary } from './figures.mjs';
import { command } from './load.mjs';

const PAGE = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url));

/** The servers that are no peers. */
const OURS = ['triproom', 'floor'];
/** The part of the machine that others may use before a run without a word about it. */
const DISTURBED = 0.1;

/** Puts `text` between the page's markers of the bench `name`, a folder of benches/. */
export function put(text, name = 'peers') {
  const [first, last] = [`<!-- ${name}: begin; written by benches/${name}/run -->`, `<!-- ${name}: end -->`];
  const page = readFileSync(PAGE, 'utf8');
  const [begin, end] = [page.indexOf(first), page.indexOf(last)];
  if (begin < 0 || end < begin) throw new Error(`${PAGE} has lost its markers: ${first} and ${last}`);
  writeFileSync(PAGE, `${page.slice(0, begin + first.length)}\n\n${text}\n${page.slice(end)}`);
}

/** All of it, of the cells that were measured. */
export function comparison(about, runs, cells, servers) {
  const results = cells.map((cell) => resultOf(cell, runs, servers)).filter(({ rows }) => rows.length > 0);
  return [
    ...head(about, servers.filter((server) => runs.some((run) => run.server === server.name)), runs),
    ...glance(results),
    ...results.flatMap((result) => section(result, about)),
  ].join('\n');
}

/** What came of one cell: its runs by server, and `of(server, figure)`, the median or NaN. */
function resultOf(cell, runs, servers) {
  const ofCell = runs.filter((run) => run.cell === cell.name);
  const rows = servers.map((server) => ({ server, runs: ofCell.filter((run) => run.server === server.name) }))
    .filter((row) => row.runs.length > 0);
  const of = (name, key) => {
    const row = rows.find(({ server }) => server.name === name);
    return summary(cell.figures[key] ?? key, row?.runs ?? [])?.median ?? NaN;
  };
  return { cell, rows, of };
}

/** The first figure of each cell on one line. */
function glance(results) {
  const lines = results.map(({ cell, rows, of }) => {
    const { title, more } = figure(cell.figures[0]);
    const peers = rows.filter(({ server, runs }) => !OURS.includes(server.name) && runs.every(lostNothing))
      .map(({ server }) => ({ name: server.name, value: of(server.name, 0) })).filter(({ value }) => Number.isFinite(value));
    const [best] = peers.sort((a, b) => (more ? b.value - a.value : a.value - b.value));
    const columns = [`[${cell.title}](#${anchor(cell.title)})`, title, text(of('triproom', 0)), text(of('floor', 0)),
      best ? `${text(best.value)} ${best.name}` : '–', cell.goal[0], reached({ cell, rows, of })];
    return `| ${columns.join(' | ')} |`;
  });
  return ['| load | figure | triproom | floor | best peer | goal | |', '| --- | --- | --- | --- | --- | --- | --- |', ...lines, ''];
}

/** What is cheap because it does not arrive is no measure for others. */
const lostNothing = ({ record }) => record?.verdict.lost === 0;

const text = (value) => (Number.isFinite(value) ? short(value) : '–');

/** As GitHub makes it of a heading. */
const anchor = (title) => title.toLowerCase().replace(/[^\p{L}\p{N} -]/gu, '').replaceAll(' ', '-');

function head({ date, command, quick, machine, versions, serverCore, generatorCore }, servers, runs) {
  return [
    `Measured on ${date.slice(0, 10)} by \`${command}\`${quick ? ' (one short round: a look, not a result)' : ''}: ${machine.cores} × `
      + `${machine.model}, ${Math.round(machine.memory / 2 ** 30)} GiB, ${machine.kernel}. Each server alone on core ${serverCore}, the `
      + `generator on core ${generatorCore}, a fresh process and folder for every run, the servers in another order each round.`,
    'Medians over the rounds, with the range behind; `~`: the rounds were further apart than a third of it, so a difference of that '
      + 'size means nothing.',
    ...quiet(runs),
    '',
    Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ').concat('.'),
    '',
    '| server | what it is |', '| --- | --- |',
    ...servers.map((server) => `| ${server.name} | ${server.what} |`),
    '',
  ];
}

/** Other programs of the machine make figures worse, and not those of all servers alike. */
function quiet(runs) {
  const shares = runs.map((run) => run.busy);
  const disturbed = shares.filter((share) => share > DISTURBED).length;
  if (disturbed === 0) return [];
  return [`**The machine was not quiet**: before ${disturbed} of ${runs.length} runs other programs used more than `
    + `${DISTURBED * 100} % of it, at most ${Math.round(Math.max(...shares) * 100)} %.`];
}

function section({ cell, rows, of }, { quick }) {
  return [
    `### ${cell.title}`, '',
    `    ${command(cell, { server: rows[0].server, url: 'ws://127.0.0.1:PORT' }, { quick, trace: 'FILE' }).join(' ')}`, '',
    ...(Math.max(...rows.map((row) => row.runs.length)) === 1 ? ['One round.', ''] : []),
    `| server | ${cell.figures.map((name) => figure(name).title).join(' | ')} |`,
    `| --- |${' --- |'.repeat(cell.figures.length)}`,
    ...rows.map((row) => `| ${row.server.name} | ${cell.figures.map((name) => cellOf(summary(name, row.runs))).join(' | ')} |`),
    '',
    ...remarks(rows),
    `Goal for triproom: ${cell.goal[0]}: **${reached({ cell, rows, of })}**.`, '',
  ];
}

function cellOf(found) {
  if (!found) return '–';
  const range = found.least === found.most ? '' : ` (${short(found.least)}–${short(found.most)})`;
  return `${short(found.median)}${range}${found.noisy ? ' ~' : ''}`;
}

/** What was lost, refused or failed, by server; and what else a reader must know of a run that went well. */
function remarks(rows) {
  const lines = rows.flatMap(({ server, runs }) => runs.flatMap((run) => {
    const wrong = fault(run, server);
    const said = wrong ? [wrong] : (server.keeps === 'none' ? [] : run.record.verdict.notes ?? []);
    return said.map((words) => `- ${wrong ? `**${server.name}**` : server.name}, round ${run.round}: ${plain(words)}`);
  }));
  return lines.length > 0 ? [...lines, ''] : [];
}

/** Words of a program, fit for one line of Markdown. */
const plain = (text) => text.replace(/[|<>`*_\u001b]/g, ' ').replace(/\s+/g, ' ').trim().slice(0, 300);

/** Only by runs in which nothing went wrong. */
function reached({ cell, rows, of }) {
  const measured = (name) => rows.some(({ server, runs }) => server.name === name && runs.some((run) => run.record));
  let missing = !measured('triproom');
  const is = cell.goal[1]((name, key) => {
    missing ||= OURS.includes(name) && !measured(name);
    return of(name, key);
  });
  if (missing) return 'not measured';
  const wrong = rows.some(({ server, runs }) => server.name === 'triproom' && runs.some((run) => fault(run, server)));
  return is && !wrong ? 'reached' : 'not reached';
}
