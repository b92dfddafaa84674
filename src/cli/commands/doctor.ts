/** `doctor`: shows what this machine can run. */
import { diagnose, formatDoctor } from '../../runtime/doctor.ts';
import { createOutput } from '../output.ts';

export async function doctorCommand(flags: { json?: boolean }): Promise<number> {
  const output = createOutput(flags.json ?? false);
  const report = await diagnose();
  output.document(report);
  output.print(formatDoctor(report));
  return 0;
}
