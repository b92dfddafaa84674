import { mosaicBert } from '../../../src/models/architectures/mosaic-bert.ts';
import { parityTests } from './parity.ts';

parityTests('mosaic-bert', mosaicBert);
