// bee-queue: saveAll sends a pipeline; workers look again at the next due instant, every millisecond at most.
import Queue from "bee-queue";
import { brief, inBatches } from "./brief.mjs";
import { started } from "./starts.mjs";

const CONCURRENCY = 100;

const queue = (worker) =>
  new Queue("peer", {
    redis: { path: brief.socket },
    isWorker: worker,
    activateDelayedJobs: worker,
    delayedDebounce: 1,
    getEvents: false,
    sendEvents: false,
    removeOnSuccess: true,
  });

export async function schedule() {
  const producer = await queue(false).ready();
  const began = performance.now();
  await inBatches(1000, async (dues) => {
    const failed = await producer.saveAll(
      dues.map(([job, due]) => producer.createJob({ job }).delayUntil(due)),
    );
    if (failed.size) throw failed.values().next().value;
  });
  return performance.now() - began;
}

export async function work() {
  queue(true).process(CONCURRENCY, async (one) => started(one.data.job));
}
