/** The few numbers of the ZIP format (PKWARE APPNOTE 6.3) that reader and writer share. */

export const LOCAL_HEADER = 0x04034b50;
export const DESCRIPTOR = 0x08074b50;
export const CENTRAL_ENTRY = 0x02014b50;
export const END_RECORD = 0x06054b50;

export const LOCAL_HEADER_BYTES = 30;
export const DESCRIPTOR_BYTES = 16;
export const CENTRAL_ENTRY_BYTES = 46;
export const END_RECORD_BYTES = 22;

export const STORED = 0;
export const DEFLATED = 8;

/** Flag bits: encrypted; sizes and CRC follow the data in a descriptor (T1). */
export const FLAG_ENCRYPTED = 1;
export const FLAG_DESCRIPTOR = 8;

/** 32-bit sizes end here; above, the format needs its zip64 extension, which no Tentacle program speaks. */
export const LARGEST_SIZE = 0xfffffffe;

/** A stored or measured member: what header, descriptor and directory must agree on. Sizes in bytes. */
export interface MemberFacts {
  readonly crc: number;
  readonly packed: number;
  readonly unpacked: number;
}
