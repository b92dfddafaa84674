import { describe, expect, it } from 'vitest';
import {
  deviceEnvironment,
  firstLine,
  parseDevice,
  precisionLabel,
  probeDevice,
  resolveDevice,
} from '../../src/runtime/device.ts';

describe('devices', () => {
  it('really runs the CPU, and asks only once', async () => {
    const probe = probeDevice('cpu');
    expect(probeDevice('cpu')).toBe(probe);
    expect(await probe).toEqual({ device: 'cpu', runs: true });
  });

  it('resolves auto to a device that runs, with the reason', async () => {
    const { device, reason } = await resolveDevice('auto');
    expect((await probeDevice(device)).runs).toBe(true);
    expect(reason).toMatch(/^auto: cuda (ran|does not run here \()/);
  });

  it('resolves a named device or says why it does not run', async () => {
    expect(await resolveDevice('cpu')).toEqual({ device: 'cpu', reason: 'asked for' });
    if ((await probeDevice('cuda')).runs) expect((await resolveDevice('cuda')).device).toBe('cuda');
    else await expect(resolveDevice('cuda')).rejects.toThrow(/"cuda" does not run on this machine: .*doctor/);
  });

  it('refuses device names that do not exist', () => {
    expect(parseDevice('auto')).toBe('auto');
    expect(() => parseDevice('gpu')).toThrow('Unknown device "gpu". Use one of: auto, cpu, cuda, webgpu.');
  });

  it('turns TF32 off on CUDA and records it', () => {
    expect(deviceEnvironment('cuda')).toEqual({ NVIDIA_TF32_OVERRIDE: '0' });
    expect(deviceEnvironment('cpu')).toEqual({});
    expect(precisionLabel('cuda', { NVIDIA_TF32_OVERRIDE: '0' })).toBe('float32 (TF32 off)');
    expect(precisionLabel('cuda', {})).toBe('float32 (TF32 allowed)');
    expect(precisionLabel('cpu', {})).toBe('float32');
  });

  it('shows the part of a message that a person can use', () => {
    const message =
      '/onnxruntime_src/onnxruntime/core/webgpu_context.cc:136 Initialize() adapter == Success was false. Failed to get an adapter: none\n\n';
    expect(firstLine(message)).toBe('Failed to get an adapter: none');
  });
});
