import { modernBert } from '../../../src/models/architectures/modern-bert.ts';
import { parityTests } from './parity.ts';

parityTests('modern-bert', modernBert);
