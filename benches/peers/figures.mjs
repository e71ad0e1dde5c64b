// What is read out of a run, and how figures of several rounds become one: their median and range.

const latency = (kind, key) => ({ record }) => record.latencies[kind]?.[key];
const sum = (list, key) => list?.reduce((total, one) => total + one[key], 0);
const cpu = ({ record }) => (record.servers?.length ? sum(record.servers, 'cpu_seconds') * 1e6 : undefined);
/** Of what came when the load was over, the server's CPU says nothing. */
const delivered = ({ record: { verdict } }) => verdict.deliveries - (verdict.deliveries_in_drain ?? 0);
const memory = (run, key) => (run.record.servers?.length ? sum(run.record.servers, key) : undefined);

/** By the names that cells use: a heading, and what it reads from a run. */
export const figures = {
  cpu: { title: 'CPU a delivery, µs', of: (run) => cpu(run) / delivered(run) },
  core: { title: 'of a core, %', of: (run) => cpu(run) / 1e4 / run.record.seconds },
  p50: { title: 'p50, ms', of: latency('delivery', 'p50_ms') },
  p99: { title: 'p99, ms', of: latency('delivery', 'p99_ms') },
  rate: { title: 'deliveries a second', of: (run) => delivered(run) / run.record.seconds },
  memory: { title: 'memory at its peak, MB', of: (run) => memory(run, 'memory_peak_bytes') / 1e6 },
  grown: { title: 'memory grown, MB', of: (run) => (memory(run, 'memory_after_bytes') - memory(run, 'memory_before_bytes')) / 1e6 },
  used: { title: 'kept, kB', of: ({ stored }) => stored?.used / 1e3 },
  files: { title: 'size of its files, kB', of: ({ stored }) => stored?.files / 1e3 },
};

/** A cell's figure: one of the above, or one that the scenario's record has under a name of its own. */
export function figure(name) {
  if (figures[name]) return figures[name];
  if (typeof name !== 'string') return name;
  const [kind, key] = name.split(' ');
  return { title: `${kind} ${key}, ms`, of: latency(kind, `${key}_ms`) };
}

/** A figure of the record's own list; of some, `more` is better. */
export const own = (name, title = name, more = false) => (
  { title, more, of: ({ record }) => record.figures?.find((one) => one.name === name)?.value });

/** Ranges wider than this part of the median are called noisy: differences within mean nothing. */
const NOISY = 1 / 3;

/** The median and range of `name` over `runs`; nothing when no run has it. */
export function summary(name, runs) {
  const { of } = figure(name);
  const values = runs.filter((run) => run.record).map(of).filter(Number.isFinite).sort((a, b) => a - b);
  if (values.length === 0) return null;
  const half = Math.floor(values.length / 2);
  const median = values.length % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
  const [least, most] = [values[0], values.at(-1)];
  return { median, least, most, noisy: most - least > NOISY * median };
}

/** Three digits are more than a round can tell. */
export function short(value) {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  return value.toLocaleString('en', { maximumFractionDigits: Math.min(3, digits), maximumSignificantDigits: 3 });
}

/** Whether a run went as it should; a server that keeps nothing is not blamed for it. */
export function fault(run, server) {
  if (run.error) return run.error;
  const { outcome, lost, expected_deliveries: expected, notes = [] } = run.record.verdict;
  if (outcome === 'ok' || outcome === 'bound_missed') return null;
  if (outcome === 'diverged' && server.keeps === 'none' && lost === 0) return null;
  const loss = lost > 0 ? `${lost.toLocaleString('en')} of ${expected.toLocaleString('en')} lost` : '';
  return [outcome === 'lost' ? '' : outcome.replaceAll('_', ' '), loss || notes[0]].filter(Boolean).join('; ');
}

/** One run on one line of the terminal. */
export function inWords(cell, run, server) {
  const parts = run.record ? cell.figures.map((name) => {
    const value = figure(name).of(run);
    return `${figure(name).title}: ${Number.isFinite(value) ? short(value) : '–'}`;
  }) : [];
  const wrong = fault(run, server);
  return [...parts, ...(wrong ? [`! ${wrong.split('\n')[0].slice(0, 200)}`] : [])].join('   ');
}
