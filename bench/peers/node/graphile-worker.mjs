// graphile-worker: addJobs a thousand at once; a local queue of 500, completions written together.
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import { brief, inBatches } from "./brief.mjs";
import { started } from "./starts.mjs";

const quiet = new Logger(() => () => {});

const utils = () => makeWorkerUtils({ connectionString: brief.postgres, logger: quiet });

export async function install() {
  await (await utils()).migrate();
}

export async function schedule() {
  const producer = await utils();
  await producer.withPgClient((client) => client.query("SELECT 1"));
  const began = performance.now();
  await inBatches(1000, (dues) =>
    producer.addJobs(
      dues.map(([job, due]) => ({ identifier: "noop", payload: { job }, runAt: new Date(due) })),
    ),
  );
  return performance.now() - began;
}

export async function work() {
  await run({
    taskList: { noop: async (payload) => started(payload.job) },
    preset: {
      worker: {
        connectionString: brief.postgres,
        concurrentJobs: 24,
        maxPoolSize: 25,
        pollInterval: 20,
        localQueue: { size: 500 },
        completeJobBatchDelay: 0,
        logger: quiet,
      },
    },
  });
}
