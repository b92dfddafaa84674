import { describe, expect, it } from 'vitest';
import { CUDA_INSTALL_COMMAND, cudaNeeds, diagnose, formatDoctor, nodeVersionOk } from '../../src/runtime/doctor.ts';

describe('doctor', () => {
  it('says what runs here, which device auto takes, and how to mend the rest', async () => {
    const report = await diagnose();
    expect(report.node.ok).toBe(true);
    expect(report.onnxruntime.version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(report.devices.map(({ device }) => device)).toEqual(['cpu', 'cuda', 'webgpu']);
    expect(report.devices[0].runs).toBe(true);
    expect(report.devices.find(({ device }) => device === report.auto.device)?.runs).toBe(true);
    const text = formatDoctor(report);
    for (const { what, remedy } of report.problems) {
      expect(text).toContain(what);
      if (remedy) expect(text).toContain(remedy);
    }
    JSON.parse(JSON.stringify(report)); // plain JSON
  });

  it('gives the one command that installs the CUDA provider where it is missing', async () => {
    const report = await diagnose();
    const offered = report.platform === 'linux/x64';
    const present = report.onnxruntime.libraries.includes('libonnxruntime_providers_cuda.so');
    expect(report.problems.some(({ remedy }) => remedy === CUDA_INSTALL_COMMAND)).toBe(offered && !present);
  });

  it('asks for the libraries of the CUDA release that the provider at hand was built for', () => {
    const names = (linked?: string) => cudaNeeds(linked).map(({ name, part }) => `${part}: ${name}`);
    expect(names()).toContain('CUDA 12: libcudart.so.12');
    const linked =
      '\tlibcublas.so.13 => not found\n\tlibcudart.so.13 => /usr/lib/libcudart.so.13 (0x1)\n\tlibx.so.2 => not found\n';
    expect(names(linked)).toContain('CUDA 13: libcublas.so.13');
    expect(names(linked)).toContain('linked library: libx.so.2');
    expect(names(linked).join()).not.toContain('CUDA 12');
  });

  it('knows which Node versions are new enough', () => {
    expect(['v20.19.0', 'v20.20.2', 'v22.0.0'].every(nodeVersionOk)).toBe(true);
    expect(['v20.18.3', 'v18.20.0'].some(nodeVersionOk)).toBe(false);
  });
});
