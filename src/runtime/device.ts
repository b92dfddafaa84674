/**
 * Which hardware runs the numbers: cpu, cuda or webgpu. "It is installed" is not "it works", so a device counts as present
 * only when a 2 x 2 matrix product really ran on it, in a child process, because a broken driver may abort the process that
 * asks. What is missing, and the command that mends it, is the business of `doctor.ts`.
 */
import './telemetry.ts';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';

export type Device = 'cpu' | 'cuda' | 'webgpu';
export const DEVICES: readonly Device[] = ['cpu', 'cuda', 'webgpu'];

export interface DeviceProbe {
  readonly device: Device;
  readonly runs: boolean;
  /** What the runtime said when it does not run. */
  readonly error?: string;
}

/** One MatMul node, `c[2, 2] = a[2, 2] b[2, 2]`, opset 17: the smallest model that shows that a provider computes. */
export const PROBE_MODEL_BASE64 =
  'CAkSADpZChEKAWEKAWISAWMiBk1hdE11bBIFcHJvYmVaEwoBYRIOCgwIARIICgIIAgoCCAJaEwoBYhIOCgwIARIICgIIAgoCCAJiEwoBYxIOCgwIARIICgIIAgoCCAJCBAoAEBE=';

// Plain JavaScript handed to `node -e`: no loader is needed and start-up stays short. Falling back to the CPU is forbidden.
const PROBE_SCRIPT = `
const [runtime, model, device] = process.argv.slice(1);
const ort = require(runtime);
(async () => {
  const extra = device === 'cpu' ? {} : { session: { disable_cpu_ep_fallback: '1' } };
  const session = await ort.InferenceSession.create(Buffer.from(model, 'base64'), {
    executionProviders: [device], intraOpNumThreads: 1, logSeverityLevel: 4, extra,
  });
  const a = new ort.Tensor('float32', Float32Array.of(1, 2, 3, 4), [2, 2]);
  const { c } = await session.run({ a, b: a });
  if (String(c.data) !== '7,10,15,22') throw new Error('wrong product: ' + c.data);
})().then(() => process.exit(0), (error) => { console.error('PROBE ' + error.message); process.exit(1); });
`;

const TIMEOUT_MS = 60_000;
const probes = new Map<Device, Promise<DeviceProbe>>();

function runProbe(device: Device): Promise<DeviceProbe> {
  const runtime = createRequire(import.meta.url).resolve('onnxruntime-node');
  const env = { ...process.env, ...deviceEnvironment(device) };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['-e', PROBE_SCRIPT, runtime, PROBE_MODEL_BASE64, device],
      { env, timeout: TIMEOUT_MS },
      (failure, _stdout, stderr) => {
        if (!failure) return resolve({ device, runs: true });
        const said = /PROBE ([\s\S]*)/.exec(stderr)?.[1].trim();
        const ended = failure.signal ? `was ended by ${failure.signal}` : `exited with ${failure.code}`;
        resolve({ device, runs: false, error: said ?? `the probe process ${ended}: ${stderr.trim().slice(0, 500)}` });
      },
    );
  });
}

/** Runs the tiny model on one device in a child process. The answer is kept for the life of this process. Never rejects. */
export function probeDevice(device: Device): Promise<DeviceProbe> {
  let probe = probes.get(device);
  if (!probe) {
    probe = runProbe(device).catch((error: unknown) => ({ device, runs: false, error: String(error) }));
    probes.set(device, probe);
  }
  return probe;
}

/** Throws on a device name that does not exist, with the names that do. */
export function parseDevice(name: string): Device | 'auto' {
  if (name === 'auto' || (DEVICES as readonly string[]).includes(name)) return name as Device | 'auto';
  throw new Error(`Unknown device "${name}". Use one of: auto, ${DEVICES.join(', ')}.`);
}

/**
 * The device to run on. `auto` is cuda where it runs, otherwise cpu; webgpu is used only when asked for by name, because
 * ONNX Runtime calls it experimental and it may be a software renderer that is slower than the CPU.
 * Throws when a device asked for by name does not run here.
 */
export async function resolveDevice(requested: Device | 'auto'): Promise<{ device: Device; reason: string }> {
  if (requested === 'auto') {
    const cuda = await probeDevice('cuda');
    if (cuda.runs) return { device: 'cuda', reason: 'auto: cuda ran the probe model' };
    return { device: 'cpu', reason: `auto: cuda does not run here (${firstLine(cuda.error)})` };
  }
  const probe = await probeDevice(requested);
  if (!probe.runs) {
    throw new Error(
      `Device "${requested}" does not run on this machine: ${firstLine(probe.error)}. ` +
        'Run "npm run bench -- doctor" to see what is missing, or use --device cpu.',
    );
  }
  return { device: requested, reason: 'asked for' };
}

/** First line of a message of the runtime, without the source location that it begins with. */
export function firstLine(message: string | undefined): string {
  const line = (message ?? 'no message').split('\n')[0].trim();
  return line.replace(/^\S*onnxruntime_src\S*:\d+ .*was false\. /, '').replace(/\.$/, '');
}

/**
 * Environment that a process must be *started* with for a device. TF32 rounds the inputs of float32 products to 10 bits of
 * mantissa and recent GPUs use it by default; from Node this variable is the only switch. It is read when CUDA loads.
 */
export function deviceEnvironment(device: Device): Record<string, string> {
  return device === 'cuda' ? { NVIDIA_TF32_OVERRIDE: '0' } : {};
}

/** What float products are computed in on a device, given the environment of this process; stored with every result. */
export function precisionLabel(device: Device, environment: NodeJS.ProcessEnv = process.env): string {
  if (device !== 'cuda') return 'float32';
  return environment.NVIDIA_TF32_OVERRIDE === '0' ? 'float32 (TF32 off)' : 'float32 (TF32 allowed)';
}
