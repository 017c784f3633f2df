// When each job's handler started. A handler calls `started` and does nothing else.
import { brief, write } from "./brief.mjs";

const at = new Float64Array(brief.phase === "work" ? brief.jobs : 0);
let count = 0;

export function started(job) {
  if (at[job]) return; // delivered again: the first start counts
  at[job] = (performance.timeOrigin + performance.now()) / 1000;
  if (++count === brief.jobs) write(Buffer.from(at.buffer));
}
