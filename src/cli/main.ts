/** The entry of `npm run bench`. */
import '../runtime/telemetry.ts';
import { main } from './command-line.ts';

/**
 * npm runs scripts in the package's folder; paths that the user types are relative to the user's
 * folder.
 */
function returnToCaller(): void {
  const { INIT_CWD, npm_lifecycle_event: event } = process.env;
  if (INIT_CWD && event === 'bench') process.chdir(INIT_CWD);
}

/**
 * The reader of the output has closed it (`| head`). That is not a failure that needs a stack
 * trace. The code is that of SIGPIPE.
 */
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(141);
  });
}

returnToCaller();
process.exitCode = await main(process.argv.slice(2));
