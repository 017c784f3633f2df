// What the bench tells a process that it starts, by the environment variable PEER_BRIEF (see python/brief.py).
import { renameSync, writeFileSync } from "node:fs";

export const brief = JSON.parse(process.env.PEER_BRIEF);

const STRIDE = 514229;

// jobs are not made in the order in which they are due: a stride scatters them
const dueMs = (job) => brief.first_due_ms + Math.floor(((job * STRIDE) % brief.jobs) * brief.step_ms);

// calls `send` with [job, due in ms] of `size` jobs at a time
export async function inBatches(size, send) {
  for (let start = 0; start < brief.jobs; start += size) {
    const count = Math.min(size, brief.jobs - start);
    await send(Array.from({ length: count }, (_, at) => [start + at, dueMs(start + at)]));
  }
}

// the file appears whole or not at all: whoever waits for it may read it at once
export function write(content) {
  writeFileSync(`${brief.out}.part`, content);
  renameSync(`${brief.out}.part`, brief.out);
}
