/** @file Looks at the header of a shared library before it is loaded: a file that was cut off would end the process (SIGBUS). */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** `e_machine` by Node's name of the architecture. */
const machines: Record<string, number> = { x64: 62, arm64: 183, ia32: 3, arm: 40, riscv64: 243, ppc64: 21, s390x: 22 };

/** What is wrong with a 64-bit shared library for this machine, as far as its header and size tell; null for nothing. */
export function libraryFault(file: string): string | null {
  const header = Buffer.alloc(64);
  const descriptor = openSync(file, 'r');
  try {
    const read = readSync(descriptor, header, 0, header.length, 0);
    if (read < header.length || header.readUInt32BE(0) !== 0x7f454c46)
      return `${file} is damaged: it is no ELF library`;
    const machine = header.readUInt16LE(18);
    if (machines[process.arch] !== undefined && machine !== machines[process.arch]) {
      return `${file} is for another kind of machine (ELF machine ${machine}; this is ${process.arch})`;
    }
    // The table of sections is the last thing that linkers write.
    const end = Number(header.readBigUInt64LE(40)) + header.readUInt16LE(58) * header.readUInt16LE(60);
    const { size } = fstatSync(descriptor);
    return size < end ? `${file} is damaged: it has ${size} bytes and should have at least ${end}` : null;
  } finally {
    closeSync(descriptor);
  }
}
