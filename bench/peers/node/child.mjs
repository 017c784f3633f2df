// One phase of one peer, as the brief says. A peer's module has `install()`, where its store needs tables,
// `schedule()`, which answers the milliseconds it took without connecting, and `work()`, one worker.
import { readFileSync } from "node:fs";
import { brief, write } from "./brief.mjs";

const peer = await import(`./${brief.peer}.mjs`);
if (brief.phase === "install") {
  await peer.install();
  process.exit(0);
} else if (brief.phase === "schedule") {
  const seconds = (await peer.schedule()) / 1000;
  const { version } = JSON.parse(readFileSync(`node_modules/${brief.peer}/package.json`));
  write(JSON.stringify({ seconds, version }));
  process.exit(0);
} else {
  await peer.work();
}
