#!/usr/bin/env node
/** The command `glm-bench`: registers tsx, which compiles TypeScript as it is imported, and runs the command line. */
import { register } from 'tsx/esm/api';

register();
await import('../src/cli/main.ts');
