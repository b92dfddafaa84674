/**
 * Which sequences have been met, without keeping them: an open-addressed table of 64-bit hashes (the start of a SHA-256), 11 to 22
 * bytes for each of many. Two different sequences among ten million are taken for one with probability below 3e-6.
 */
import { createHash } from 'node:crypto';

export class SequenceSet {
  /** Different sequences added. */
  size = 0;
  private capacity = 1024;
  /** Two words a slot; both 0 marks a free one. */
  private words = new Uint32Array(2 * this.capacity);

  /** True for a sequence that is new. */
  add(sequence: string): boolean {
    if (4 * (this.size + 1) > 3 * this.capacity) this.grow();
    const [low, high] = hashOf(sequence);
    const slot = this.slotOf(low, high);
    if (this.words[slot] !== 0 || this.words[slot + 1] !== 0) return false;
    this.words[slot] = low;
    this.words[slot + 1] = high;
    this.size++;
    return true;
  }

  has(sequence: string): boolean {
    if (this.size === 0) return false;
    const [low, high] = hashOf(sequence);
    const slot = this.slotOf(low, high);
    return this.words[slot] !== 0 || this.words[slot + 1] !== 0;
  }

  /** First word of the slot that holds a hash, or of the free one where it belongs. */
  private slotOf(low: number, high: number): number {
    const { words, capacity } = this;
    let slot = low & (capacity - 1);
    while (words[2 * slot] !== 0 || words[2 * slot + 1] !== 0) {
      if (words[2 * slot] === low && words[2 * slot + 1] === high) break;
      slot = (slot + 1) & (capacity - 1);
    }
    return 2 * slot;
  }

  private grow(): void {
    const { words, capacity } = this;
    this.capacity = 2 * capacity;
    this.words = new Uint32Array(2 * this.capacity);
    for (let i = 0; i < words.length; i += 2) {
      if (words[i] === 0 && words[i + 1] === 0) continue;
      const slot = this.slotOf(words[i], words[i + 1]);
      this.words[slot] = words[i];
      this.words[slot + 1] = words[i + 1];
    }
  }
}

function hashOf(sequence: string): readonly [low: number, high: number] {
  const digest = createHash('sha256').update(sequence).digest();
  return [digest.readUInt32LE(0) || 1, digest.readUInt32LE(4)];
}
