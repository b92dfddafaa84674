/**
 * Teaches this process to load plugin files: TypeScript or JavaScript, anywhere on the disk, importing 'glm-bench'.
 * TypeScript itself is the business of tsx, which both the command line and the child processes are started with.
 */
import { register } from 'node:module';

let registered = false;

/** Installs the resolve hook of `plugin-hook.mjs`. A second call does nothing. */
export function registerPluginHook(): void {
  if (registered) return;
  registered = true;
  const data = {
    index: new URL('../../index.ts', import.meta.url).href,
    root: new URL('../../../', import.meta.url).href,
  };
  register(new URL('./plugin-hook.mjs', import.meta.url), { data });
}
