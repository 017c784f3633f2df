// BullMQ: addBulk, a worker of a hundred jobs at once.
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { brief, inBatches } from "./brief.mjs";
import { started } from "./starts.mjs";

const connection = new Redis({ path: brief.socket, maxRetriesPerRequest: null });

export async function schedule() {
  const queue = new Queue("peer", { connection });
  await queue.waitUntilReady();
  const began = performance.now();
  await inBatches(1000, (dues) => {
    const timestamp = Date.now();
    return queue.addBulk(
      dues.map(([job, due]) => ({
        name: "noop",
        data: { job },
        opts: { timestamp, delay: Math.max(0, due - timestamp), removeOnComplete: true },
      })),
    );
  });
  return performance.now() - began;
}

export async function work() {
  new Worker("peer", async (one) => started(one.data.job), { connection, concurrency: 100 });
}
