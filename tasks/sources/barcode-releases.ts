/**
 * What the hygiene leaves of the files that the collections were checked on (DeepCOI's Annelida, DIMACS 2007, PBBC, five BOLD exports and two
 * samples of the public BOLD snapshots), as their tasks' descriptions say it. Another release gives other counts.
 */
export interface ReleaseCounts {
  readonly files: string;
  /** Rows of each task, by the ending of its id. */
  readonly tasks: Readonly<Record<string, string>>;
}

export const RELEASES: Readonly<Record<string, ReleaseCounts>> = {
  'deepcoi.Annelida': {
    files:
      '23,633 rows; 10,310 repeats of a barcode left out, 130 of them under another name or BIN; without a species: 6,114 no species given',
    tasks: {
      species: '7,273 train, 848 validation, 906 test rows of 111 species',
      genus: '7,273 train, 848 validation, 4,296 test rows of 64 genera',
      clusters: '7,273 train, 848 validation, 5,202 test rows of 75 genera',
      'genus-any': '7,273 train, 848 validation, 5,202 test rows of 75 genera',
    },
  },
  'dimacs.ACG': {
    files: '4,267 rows; 1,618 repeats of a barcode left out, 3 of them under another name or BIN',
    tasks: {
      species: '954 train, 153 validation, 246 test rows of 137 species',
      genus:
        '954 train, 153 validation, 1,120 test rows of 113 genera (left out: 176 test of unseen species: genus not in train)',
      clusters: '954 train, 153 validation, 1,542 test rows of 518 species',
    },
  },
  'dimacs.Bird2': {
    files: '2,589 rows; 294 repeats of a barcode left out, 5 of them under another name or BIN',
    tasks: {
      species: '782 train, 138 validation, 175 test rows of 135 species',
      genus:
        '782 train, 138 validation, 927 test rows of 128 genera (left out: 273 test of unseen species: genus not in train)',
      clusters: '782 train, 138 validation, 1,375 test rows of 596 species',
    },
  },
  'dimacs.BatGuyana': {
    files: '840 rows; 251 repeats of a barcode left out, 0 of them under another name or BIN',
    tasks: {
      species: '264 train, 40 validation, 72 test rows of 26 species',
      genus:
        '264 train, 40 validation, 150 test rows of 22 genera (left out: 63 test of unseen species: genus not in train)',
      clusters: '264 train, 40 validation, 285 test rows of 89 species',
    },
  },
  'dimacs.FishAustralia': {
    files: '754 rows; 231 repeats of a barcode left out, 1 of them under another name or BIN',
    tasks: {
      species: '148 train, 16 validation, 17 test rows of 16 species',
      genus:
        '148 train, 16 validation, 195 test rows of 44 genera (left out: 147 test of unseen species: genus not in train)',
      clusters: '148 train, 16 validation, 359 test rows of 177 species',
    },
  },
  pbbc: {
    files:
      '18,742 rows (left out: 1 another marker); 3,920 repeats of a barcode left out, 0 of them under another name or BIN; without a species: 16,468 no species given, 12 open nomenclature (sp., cf., aff., nr.), 484 digits in the name',
    tasks: {
      species: '380 train, 54 validation, 98 test rows of 22 species',
      genus:
        '380 train, 54 validation, 342 test rows of 34 genera (left out: 244 test of unseen species: genus not in train)',
      clusters: '14,083 train, 54 validation, 684 test rows of 291 species',
    },
  },
  'bold.Astropectinidae': {
    files:
      '899 rows (left out: 144 another marker); 283 repeats of a barcode left out, 8 of them under another name or BIN; without a species: 62 no species given, 20 open nomenclature (sp., cf., aff., nr.), 40 digits in the name',
    tasks: {
      species: '228 train, 36 validation, 65 test rows of 15 species',
      bins: '301 train, 36 validation, 129 test rows of 43 BINs (left out: 2 test of seen species: no BIN, 4 test of unseen species: no BIN)',
      genus:
        '228 train, 36 validation, 63 test rows of 7 genera (left out: 7 test of unseen species: genus not in train)',
    },
  },
  'bold.Chaetognatha': {
    files:
      '1,891 rows (left out: 78 no sequence, 291 another marker); 372 repeats of a barcode left out, 25 of them under another name or BIN; without a species: 108 no species given, 68 open nomenclature (sp., cf., aff., nr.)',
    tasks: {
      species: '630 train, 90 validation, 178 test rows of 17 species',
      bins: '771 train, 90 validation, 254 test rows of 94 BINs (left out: 28 test of seen species: no BIN, 7 test of unseen species: no BIN)',
      genus:
        '630 train, 90 validation, 99 test rows of 7 genera (left out: 12 test of unseen species: genus not in train)',
    },
  },
  'bold.Daphnia': {
    files:
      '2,285 rows (left out: 201 no sequence, 44 another marker); 985 repeats of a barcode left out, 9 of them under another name or BIN; without a species: 220 no species given, 219 open nomenclature (sp., cf., aff., nr.), 5 no binomial',
    tasks: {
      species: '389 train, 59 validation, 113 test rows of 20 species',
      bins: '661 train, 59 validation, 312 test rows of 84 BINs (left out: 3 test of seen species: no BIN, 20 test of unseen species: no BIN)',
    },
  },
  'bold.Pteropodidae': {
    files:
      '1,902 rows (left out: 160 another marker); 578 repeats of a barcode left out, 53 of them under another name or BIN; without a species: 245 open nomenclature (sp., cf., aff., nr.), 140 no species given',
    tasks: {
      species: '440 train, 67 validation, 129 test rows of 34 species',
      bins: '677 train, 67 validation, 391 test rows of 81 BINs (left out: 8 test of seen species: no BIN, 21 test of unseen species: no BIN)',
      genus:
        '440 train, 67 validation, 275 test rows of 14 genera (left out: 16 test of unseen species: genus not in train)',
    },
  },
  'bold.Sciuridae': {
    files:
      '2,213 rows (left out: 197 another marker, 1 no sequence); 991 repeats of a barcode left out, 18 of them under another name or BIN; without a species: 744 no species given, 47 open nomenclature (sp., cf., aff., nr.)',
    tasks: {
      species: '375 train, 58 validation, 104 test rows of 39 species',
      bins: '628 train, 58 validation, 253 test rows of 120 BINs (left out: 23 test of seen species: no BIN, 62 test of unseen species: no BIN)',
      genus:
        '375 train, 58 validation, 208 test rows of 24 genera (left out: 26 test of unseen species: genus not in train)',
    },
  },
  'bold.all': {
    files:
      '10,704 rows (left out: 836 another marker, 280 no sequence); 3,395 repeats of a barcode left out, 113 of them under another name or BIN; without a species: 2,104 no species given, 599 open nomenclature (sp., cf., aff., nr.), 40 digits in the name, 5 no binomial',
    tasks: {
      species: '2,248 train, 340 validation, 631 test rows of 151 species',
      genus:
        '2,248 train, 340 validation, 952 test rows of 88 genera (left out: 253 test of unseen species: genus not in train)',
      bins: '4,017 train, 340 validation, 1,656 test rows of 650 BINs (left out: 64 test of seen species: no BIN, 116 test of unseen species: no BIN)',
    },
  },
};
