// What the figures were measured on, and whether anybody else was using it.

import { setTimeout as pause } from 'node:timers/promises';
import { cpus, release, totalmem, type } from 'node:os';

export function machine() {
  const [{ model }, ...others] = cpus();
  return { model: model.trim(), cores: others.length + 1, memory: totalmem(), kernel: `${type()} ${release()}` };
}

/** The part of all cores, 0 to 1, that is in use while this process waits. */
export async function busy() {
  const before = spent();
  await pause(500);
  const after = spent();
  return 1 - (after.idle - before.idle) / (after.all - before.all);
}

function spent() {
  const times = cpus().map((core) => core.times);
  const sum = (of) => times.reduce((total, time) => total + of(time), 0);
  return { idle: sum((time) => time.idle), all: sum((time) => Object.values(time).reduce((a, b) => a + b)) };
}
