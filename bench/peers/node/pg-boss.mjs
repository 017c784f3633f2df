// pg-boss: inserted a thousand at once; two workers of 500 jobs a fetch that poll every 0.5 s, its least.
import { PgBoss } from "pg-boss";
import { brief, inBatches } from "./brief.mjs";
import { started } from "./starts.mjs";

async function boss() {
  const made = new PgBoss({ connectionString: brief.postgres, schedule: false });
  made.on("error", (error) => console.error(error));
  await made.start();
  return made;
}

export async function install() {
  await (await boss()).createQueue("peer");
}

export async function schedule() {
  const producer = await boss();
  const began = performance.now();
  await inBatches(1000, (dues) =>
    producer.insert("peer", dues.map(([job, due]) => ({ data: { job }, startAfter: new Date(due) }))),
  );
  return performance.now() - began;
}

export async function work() {
  const options = { batchSize: 500, localConcurrency: 2, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true };
  await (await boss()).work("peer", options, async (jobs) => {
    for (const one of jobs) started(one.data.job);
  });
}
