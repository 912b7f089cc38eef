/** Castagnoli's polynomial, beside the package's own types. */
declare module 'crc-32/crc32c.js' {
  const crc32c: {
    /** CRC-32C of bytes, as a signed integer. */
    buf(data: Uint8Array, seed?: number): number;
  };
  export default crc32c;
}
