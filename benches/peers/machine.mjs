// What the figures were measured on.

import { cpus, release, totalmem, type } from 'node:os';

export function machine() {
  const [{ model }, ...others] = cpus();
  return { model: model.trim(), cores: others.length + 1, memory: totalmem(), kernel: `${type()} ${release()}` };
}
