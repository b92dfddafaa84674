/** Where what is downloaded or made once is kept between runs. */
import { resolve } from 'node:path';

/** `GLM_BENCH_CACHE`, else `.cache` in the working folder. */
export function defaultCacheFolder(): string {
  return resolve(process.env.GLM_BENCH_CACHE || '.cache');
}
