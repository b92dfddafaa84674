/**
 * What this machine can run on, what is missing, and the command that mends it. Devices are tried, not guessed; libraries are
 * looked for where the dynamic linker looks. CUDA in onnxruntime-node 1.30 means Linux on x86-64, CUDA 12 or 13 and cuDNN 9, with
 * provider libraries that npm does not carry: the package's own install script fetches those for CUDA 12 from NuGet when told to.
 */
import './telemetry.ts';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import {
  DEVICES,
  type Device,
  type DeviceProbe,
  firstLine,
  precisionLabel,
  probeDevice,
  resolveDevice,
} from './device.ts';

/**
 * Fetches the CUDA provider for the onnxruntime-node that is installed. `.npmrc` switches install scripts off, so the
 * command switches them on for this package; `true` means "whatever this platform can have", which on linux/x64 is the CUDA 12 build.
 */
export const CUDA_INSTALL_COMMAND = 'ONNXRUNTIME_NODE_INSTALL=true npm rebuild onnxruntime-node --ignore-scripts=false';

const MINIMUM_NODE = [20, 19] as const;

/** Libraries of the CUDA releases that providers are built for: npm's own command fetches one for 12, PyPI's onnxruntime-gpu 1.30 has one for 13. */
const CUDA_LIBRARIES: Readonly<Record<'12' | '13', readonly string[]>> = {
  12: ['libcudart.so.12', 'libcublas.so.12', 'libcublasLt.so.12', 'libcufft.so.11', 'libcurand.so.10'],
  13: ['libcudart.so.13', 'libcublas.so.13', 'libcublasLt.so.13', 'libcufft.so.12', 'libcurand.so.10'],
};

/**
 * What the CUDA provider needs, by part: for the CUDA release that `linked`, the words of `ldd` about it, names; for 12 where there is no
 * provider yet. What else `ldd` misses comes last.
 */
export function cudaNeeds(linked: string | undefined): { readonly name: string; readonly part: string }[] {
  const release = /^\s*libcudart\.so\.13 /m.test(linked ?? '') ? '13' : '12';
  const known = [
    { name: 'libcuda.so.1', part: 'NVIDIA driver' },
    ...CUDA_LIBRARIES[release].map((name) => ({ name, part: `CUDA ${release}` })),
    { name: 'libcudnn.so.9', part: 'cuDNN 9' },
  ];
  const missing = [...(linked?.matchAll(/^\s*(\S+) => not found$/gm) ?? [])].map(([, name]) => name);
  const others = missing.filter((name) => !known.some((library) => library.name === name));
  return [...known, ...others.map((name) => ({ name, part: 'linked library' }))];
}

const REMEDIES: Readonly<Record<string, string>> = {
  'NVIDIA driver': 'install the NVIDIA driver of your distribution',
  'CUDA 12': 'install the CUDA 12 runtime',
  'CUDA 13': 'install the CUDA 13 runtime',
  'cuDNN 9': 'install cuDNN 9 for that CUDA',
};

const PROVIDER_LIBRARIES = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'] as const;

export interface LibraryCheck {
  readonly name: string;
  readonly part: string;
  /** Where it was found. */
  readonly path?: string;
}

export interface DoctorReport {
  readonly node: { readonly version: string; readonly ok: boolean };
  readonly platform: string;
  readonly cores: number;
  readonly processor: string;
  readonly memory: { readonly totalBytes: number; readonly freeBytes: number };
  readonly onnxruntime: {
    readonly version?: string;
    readonly folder?: string;
    /** Shared libraries beside the binding. */
    readonly libraries: readonly string[];
  };
  readonly devices: readonly DeviceProbe[];
  readonly auto: { readonly device: Device; readonly reason: string; readonly precision: string };
  readonly nvidia?: { readonly gpu: string; readonly driver: string; readonly memory: string };
  /** What CUDA needs, found or not; empty where CUDA is not offered (anything but linux/x64). */
  readonly cudaLibraries: readonly LibraryCheck[];
  readonly transformersCache: string;
  /** What does not work and how to mend it, most urgent first. */
  readonly problems: readonly {
    readonly severity: 'error' | 'note';
    readonly what: string;
    readonly remedy?: string;
  }[];
}

/** True for "v20.19.0" and later. */
export function nodeVersionOk(version: string): boolean {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number);
  return major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1]);
}

function onnxruntimeInstallation(): DoctorReport['onnxruntime'] {
  try {
    const require = createRequire(import.meta.url);
    const root = dirname(dirname(require.resolve('onnxruntime-node')));
    const version = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
    const folder = join(root, 'bin', 'napi-v6', process.platform, process.arch);
    return { version, folder, libraries: existsSync(folder) ? readdirSync(folder).sort() : [] };
  } catch {
    return { libraries: [] };
  }
}

/** Library names known to the dynamic linker, `name -> path`: LD_LIBRARY_PATH first, then the cache of ldconfig. */
async function linkerCache(): Promise<(name: string) => string | undefined> {
  const folders = (process.env.LD_LIBRARY_PATH ?? '').split(delimiter).filter(Boolean);
  const listed = new Map<string, string>();
  for (const command of ['ldconfig', '/sbin/ldconfig']) {
    const output = await tryCommand(command, ['-p']);
    for (const [, name, path] of output?.matchAll(/^\s*(\S+) \(.*\) => (\S+)$/gm) ?? []) {
      if (!listed.has(name)) listed.set(name, path);
    }
    if (listed.size > 0) break;
  }
  return (name) => folders.map((folder) => join(folder, name)).find(existsSync) ?? listed.get(name);
}

async function tryCommand(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    return (await promisify(execFile)(command, args, { timeout: 20_000, maxBuffer: 1 << 24 })).stdout;
  } catch {
    return undefined; // not installed, or refused: the caller reports its absence
  }
}

/** What CUDA needs and where it is; on other platforms than linux/x64 nothing is offered, so nothing is needed. */
async function checkCudaLibraries(onnxruntime: DoctorReport['onnxruntime']): Promise<LibraryCheck[]> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return [];
  const find = await linkerCache();
  const provider = PROVIDER_LIBRARIES[1];
  const { folder, libraries } = onnxruntime;
  const linked = folder && libraries.includes(provider) ? await tryCommand('ldd', [join(folder, provider)]) : undefined;
  return cudaNeeds(linked).map(({ name, part }) => ({ name, part, path: find(name) }));
}

async function nvidiaCard(): Promise<DoctorReport['nvidia']> {
  const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
  const [gpu, driver, memory] = (await tryCommand('nvidia-smi', query))?.split('\n')[0].split(',') ?? [];
  return memory ? { gpu: gpu.trim(), driver: driver.trim(), memory: memory.trim() } : undefined;
}

/** The library's own answer, so that a folder set in code or environment is shown as it will be used. */
async function transformersCacheFolder(): Promise<string> {
  const { env } = await import('@huggingface/transformers');
  return env.cacheDir ?? 'none';
}

function findProblems(report: Omit<DoctorReport, 'problems'>): DoctorReport['problems'] {
  const problems: { severity: 'error' | 'note'; what: string; remedy?: string }[] = [];
  if (!report.node.ok) {
    const what = `Node ${report.node.version} is older than ${MINIMUM_NODE.join('.')}`;
    problems.push({ severity: 'error', what, remedy: 'install a current Node from https://nodejs.org' });
  }
  const cpu = report.devices.find(({ device }) => device === 'cpu');
  if (!report.onnxruntime.version) {
    problems.push({ severity: 'error', what: 'onnxruntime-node is not installed', remedy: 'npm ci' });
  } else if (!cpu?.runs) {
    problems.push({ severity: 'error', what: `the CPU device fails: ${firstLine(cpu?.error)}`, remedy: 'npm ci' });
  }
  problems.push(...cudaProblems(report));
  const webgpu = report.devices.find(({ device }) => device === 'webgpu');
  if (webgpu && !webgpu.runs) {
    const vulkan = 'needs a GPU with a Vulkan driver and libvulkan.so.1 on Linux; optional';
    problems.push({
      severity: 'note',
      what: `WebGPU does not run: ${firstLine(webgpu.error)}`,
      remedy: process.platform === 'linux' ? vulkan : 'needs a GPU with a current driver; optional',
    });
  }
  return problems;
}

function cudaProblems(report: Omit<DoctorReport, 'problems'>): DoctorReport['problems'] {
  if (report.devices.find(({ device }) => device === 'cuda')?.runs) return [];
  if (report.platform !== 'linux/x64') {
    return [{ severity: 'note', what: `CUDA from Node is offered on linux/x64 only, and this is ${report.platform}` }];
  }
  const severity = report.nvidia ? 'error' : 'note';
  const remedies: { severity: 'error' | 'note'; what: string; remedy?: string }[] = [];
  if (!report.nvidia) {
    remedies.push({ severity, what: 'CUDA: no NVIDIA GPU is visible (nvidia-smi does not answer)' });
  }
  const providers = PROVIDER_LIBRARIES.filter((name) => !report.onnxruntime.libraries.includes(name));
  if (providers.length > 0) {
    const what = `CUDA: ${providers.join(' and ')} of onnxruntime-node ${report.onnxruntime.version} missing`;
    remedies.push({ severity, what, remedy: CUDA_INSTALL_COMMAND });
  }
  for (const part of new Set(report.cudaLibraries.map((library) => library.part))) {
    const missing = report.cudaLibraries.filter((library) => library.part === part && !library.path);
    if (missing.length === 0) continue;
    const remedy = REMEDIES[part] ?? 'install it';
    const names = missing.map(({ name }) => name).join(', ');
    remedies.push({
      severity,
      what: `CUDA: ${part} not found (${names})`,
      remedy: `${remedy}, or add it to LD_LIBRARY_PATH`,
    });
  }
  if (remedies.length === 0) {
    const cuda = report.devices.find(({ device }) => device === 'cuda');
    remedies.push({ severity, what: `CUDA: everything is in place but it does not run: ${firstLine(cuda?.error)}` });
  }
  return remedies;
}

/** Examines this machine. Takes a second or two, since it really runs each device. Never rejects for a missing part. */
export async function diagnose(): Promise<DoctorReport> {
  const onnxruntime = onnxruntimeInstallation();
  const [devices, auto, nvidia, cudaLibraries, transformersCache] = await Promise.all([
    Promise.all(DEVICES.map(probeDevice)),
    resolveDevice('auto'),
    nvidiaCard(),
    checkCudaLibraries(onnxruntime),
    transformersCacheFolder(),
  ]);
  const platform = `${process.platform}/${process.arch}`;
  const report = {
    node: { version: process.version, ok: nodeVersionOk(process.version) },
    platform,
    cores: availableParallelism(),
    processor: cpus()[0]?.model.trim() || 'unknown',
    memory: { totalBytes: totalmem(), freeBytes: freemem() },
    onnxruntime,
    devices,
    auto: { ...auto, precision: precisionLabel(auto.device, { NVIDIA_TF32_OVERRIDE: '0' }) },
    nvidia,
    cudaLibraries,
    transformersCache,
  };
  return { ...report, problems: findProblems(report) };
}

const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** The report as plain text for a terminal. */
export function formatDoctor(report: DoctorReport): string {
  const lines: [string, string][] = [
    ['Node', `${report.node.version} ${report.node.ok ? '' : `(too old, needs ${MINIMUM_NODE.join('.')})`}`.trim()],
    ['Machine', `${report.platform}, ${report.cores} cores, ${report.processor}`],
    ['Memory', `${gibibytes(report.memory.freeBytes)} free of ${gibibytes(report.memory.totalBytes)}`],
    ['onnxruntime-node', report.onnxruntime.version ?? 'not installed'],
    ...report.devices.map(({ device, runs, error }): [string, string] => [
      `Device ${device}`,
      runs ? 'runs' : `does not run: ${firstLine(error)}`,
    ]),
    ['Device auto', `${report.auto.device}, ${report.auto.precision} (${report.auto.reason})`],
  ];
  if (report.nvidia) {
    lines.push(['NVIDIA', `${report.nvidia.gpu}, driver ${report.nvidia.driver}, ${report.nvidia.memory}`]);
  }
  lines.push(['Models cache', report.transformersCache]);
  const width = Math.max(...lines.map(([name]) => name.length)) + 2;
  const text = lines.map(([name, value]) => `${name.padEnd(width)}${value}`);
  const section = (title: string, severity: 'error' | 'note') => {
    const entries = report.problems.filter((problem) => problem.severity === severity);
    if (entries.length === 0) return [];
    return [
      '',
      title,
      ...entries.flatMap(({ what, remedy }) => [`  - ${what}`, ...(remedy ? [`    -> ${remedy}`] : [])]),
    ];
  };
  return [...text, ...section('To mend', 'error'), ...section('Not available here', 'note')].join('\n');
}
