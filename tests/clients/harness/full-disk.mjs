// A disk that can be full. A small file system in a mount namespace of its own, so that nothing is left
// behind; it lives as long as its holder process. Needs the right to mount: root, or user namespaces.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, rmdirSync, writeSync, openSync, closeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tick, until } from './events.mjs';

const BLOCK = Buffer.alloc(64 * 1024);

export class FullDisk {
  #holder;
  #mount;

  /** An empty file system of `size` (such as "24m") that ends with the test `t`. */
  static async of(t, size) {
    const disk = new FullDisk();
    disk.#mount = mkdtempSync(join(tmpdir(), 'triproom-disk-'));
    const namespaces = process.getuid() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
    disk.#holder = spawn('unshare', [
      ...namespaces, '--propagation', 'private', 'sh', '-c', `mount -t tmpfs -o size=${size} tmpfs "$1" && echo mounted && exec cat`, 'sh', disk.#mount,
    ]);
    t.after(() => disk.#close());
    let said = '';
    let ended = false;
    for (const stream of [disk.#holder.stdout, disk.#holder.stderr]) stream.on('data', (text) => { said += text; tick(); });
    disk.#holder.on('close', () => { ended = true; tick(); });
    await until('a file system of its own', () => {
      if (ended) throw new Error(`this test must be able to mount a tmpfs (run it as root): ${said}`);
      return said.includes('mounted');
    });
    return disk;
  }

  /** The folder, as a process inside sees it. */
  get data() {
    return join(this.#mount, 'data');
  }

  /** A command that runs another one inside. */
  get wrap() {
    const target = ['--target', String(this.#holder.pid), '--mount'];
    return ['nsenter', ...target, ...(process.getuid() === 0 ? [] : ['--user', '--preserve-credentials']), '--'];
  }

  /** Fills the disk to the last byte. */
  fill() {
    const file = openSync(this.#ballast, 'w');
    try {
      for (let size = BLOCK.length; size > 0;) {
        try {
          writeSync(file, BLOCK, 0, size);
        } catch (error) {
          if (error.code !== 'ENOSPC') throw error;
          size = Math.floor(size / 2);
        }
      }
    } finally {
      closeSync(file);
    }
  }

  /** Gives the space back. */
  free() {
    rmSync(this.#ballast);
  }

  get #ballast() {
    return join('/proc', String(this.#holder.pid), 'root', this.#mount, 'ballast');
  }

  #close() {
    this.#holder.stdin.end();
    rmdirSync(this.#mount);
  }
}
