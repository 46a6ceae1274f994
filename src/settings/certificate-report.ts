/** Says of every certificate in use what a person would ask of it. Pure. */
import type { Token } from './options.ts';

/** One certificate: the first of a file is what is shown to peers, or trusted. */
export interface CertificateReport {
  readonly token: Token;
  /** Where it was read. */
  readonly file: string;
  /** `CN=..., O=...`, printable. */
  readonly subject: string;
  /** As `DNS:tentacle.example`, `IP:10.0.0.1`, printable. */
  readonly names: readonly string[];
  readonly issuer: string;
  /** In milliseconds since the epoch, as the next one. */
  readonly validFrom: number;
  readonly validTo: number;
  /** What peers need beside what the file holds, in words; and whether every certificate in it is signed by the next. */
  readonly chain: { readonly complete: boolean; readonly text: string };
}
