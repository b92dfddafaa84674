/**
 * Which ids a file has had, without keeping them: an open-addressed table of 64-bit hashes and
 * the line of each, 32 to 64 bytes per id as it grows. Two different ids among ten million collide with probability below 1e-5.
 */
export class IdSet {
  private size = 0;
  private capacity = 1024;
  private words = new Uint32Array(2 * this.capacity);
  private lines = new Float64Array(this.capacity); // 0 marks a free slot

  /** Adds an id seen on `line` (>= 1). Returns the line where it was seen before, or undefined when it is new. */
  add(id: string, line: number): number | undefined {
    if (2 * (this.size + 1) > this.capacity) this.grow();
    let low = 0x811c9dc5;
    let high = 0x9747b28c;
    for (let i = 0; i < id.length; i++) {
      const code = id.charCodeAt(i);
      low = Math.imul(low ^ code, 0x01000193);
      high = Math.imul((high ^ code) + 0x7f4a7c15, 0x85ebca6b);
      high ^= high >>> 13;
    }
    return this.put(mix(low), mix(high), line);
  }

  private put(low: number, high: number, line: number): number | undefined {
    let slot = (low ^ Math.imul(high, 31)) & (this.capacity - 1);
    while (this.lines[slot] !== 0) {
      if (this.words[2 * slot] === low && this.words[2 * slot + 1] === high) return this.lines[slot];
      slot = (slot + 1) & (this.capacity - 1);
    }
    this.words[2 * slot] = low;
    this.words[2 * slot + 1] = high;
    this.lines[slot] = line;
    this.size++;
    return undefined;
  }

  private grow(): void {
    const { words, lines, capacity } = this;
    this.capacity = 2 * capacity;
    this.words = new Uint32Array(2 * this.capacity);
    this.lines = new Float64Array(this.capacity);
    this.size = 0;
    for (let slot = 0; slot < capacity; slot++) {
      if (lines[slot] !== 0) this.put(words[2 * slot], words[2 * slot + 1], lines[slot]);
    }
  }
}

/** The finaliser of MurmurHash3, as an unsigned word. */
function mix(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
