/** What a run is made of, and what it tells while it goes on. */
import type { Device } from '../runtime/device.ts';
import type { PlanEnvironment } from './cells/key.ts';
import type { Cell, Plan } from './cells/plan.ts';
import type { TaskContext } from './contracts.ts';
import type { RequestedTask } from './request.ts';
import type { Result } from './store/result.ts';

export type RunEvent =
  | { readonly type: 'notice'; readonly message: string }
  | { readonly type: 'preparing'; readonly task: string; readonly fraction: number; readonly message: string }
  | { readonly type: 'planned'; readonly plan: Plan; readonly reused: number }
  | { readonly type: 'progress'; readonly cell: Cell; readonly fraction: number; readonly message: string }
  | { readonly type: 'finished'; readonly cell: Cell; readonly result: Result; readonly computed: boolean }
  | { readonly type: 'waiting'; readonly cells: number };

/** A plan, what is stored of it, and the settings it was made with. */
export interface PreparedRun {
  readonly plan: Plan;
  readonly title: string;
  readonly environment: PlanEnvironment;
  readonly device: Device;
  readonly jobs: number;
  readonly context: TaskContext;
  readonly objects: ReadonlyMap<string, RequestedTask>;
}
