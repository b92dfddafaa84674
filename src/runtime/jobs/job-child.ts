/**
 * The child's side of `job.ts`: waits for a request, imports the module, calls the function, replies. Ends with its parent,
 * even while native code blocks this thread: a second thread watches the parent's process id.
 */
import '../telemetry.ts';
import { Worker } from 'node:worker_threads';
import { UsageError } from '../../core/errors.ts';
import { fileFault } from '../../core/file-fault.ts';
import { CACHE_WARNING } from '../../core/optional-write.ts';
import { SequenceError } from '../../sequences/sequence-error.ts';
import type { Job, JobReply, JobRequest } from './job.ts';
import { registerPluginHook } from './plugins.ts';

const WATCHDOG = `
const { workerData: parent } = require('node:worker_threads');
setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, 500);
`;

function reply(message: JobReply): void {
  if (process.connected) process.send?.(message);
}

async function answer(request: JobRequest): Promise<void> {
  try {
    const exports = (await import(request.module)) as Record<string, Job<unknown>>;
    const job = exports[request.name];
    if (typeof job !== 'function') throw new Error(`${request.module} exports no function "${request.name}"`);
    const value = await job(request.payload, (fraction, message) =>
      reply({ id: request.id, type: 'progress', progress: { fraction, message } }),
    );
    reply({ id: request.id, type: 'done', value });
  } catch (thrown) {
    const error = fileFault(thrown);
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    const isUsage = error instanceof UsageError || error instanceof SequenceError;
    const hint = error instanceof UsageError ? error.hint : undefined;
    reply({ id: request.id, type: 'failed', message, stack, isUsage, hint });
  }
}

registerPluginHook();
process.on('warning', ({ name, message }) => {
  if (name === CACHE_WARNING) reply({ id: 0, type: 'notice', message });
});
new Worker(WATCHDOG, {
  eval: true,
  execArgv: [],
  workerData: Number(process.argv[2]),
  stdout: true,
  stderr: true,
}).unref();
// Ctrl-C reaches the whole process group: what to do about it is the parent's decision.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit(0));
process.on('message', (request: JobRequest) => void answer(request));
