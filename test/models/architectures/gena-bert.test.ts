import { genaBert } from '../../../src/models/architectures/gena-bert.ts';
import { parityTests } from './parity.ts';

parityTests('gena-bert', genaBert);
