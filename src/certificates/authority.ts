/** Makes keys, and certificates of X.509 for them. Keys and signatures are Node's; the library only encodes. */
import { createHash, generateKeyPair, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_serverAuth,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509';
import ipaddr from 'ipaddr.js';

/** RSA of 2048 bits, or ECDSA with P-256. */
export type KeyKind = 'rsa' | 'ec';

export interface Pair {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

/** In milliseconds since the epoch. */
export interface Period {
  readonly from: number;
  readonly until: number;
}

/** What a certificate is to be shown as. */
export interface Leaf extends Period {
  readonly name: string;
  /** Names of DNS and addresses. */
  readonly alternativeNames: readonly string[];
  /** A proxy is both: it shows the server's certificate to the next server, too. */
  readonly use: 'server and client' | 'client';
}

const makeKeys = promisify(generateKeyPair) as unknown as (
  type: KeyKind,
  options: object,
) => Promise<{ readonly publicKey: KeyObject; readonly privateKey: KeyObject }>;

const COMMON_NAME = '2.5.4.3';
/** DER of NULL: RFC 4055 wants it behind RSA's identifier, RFC 5758 nothing behind that of ECDSA. */
const NULL = new Uint8Array([5, 0]).buffer;
const SIGNATURES = {
  rsa: new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.11', parameters: NULL }),
  ec: new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' }),
} as const;

interface Content extends Period {
  readonly subject: Name;
  readonly publicKey: SubjectPublicKeyInfo;
  readonly extensions: readonly Extension[];
}

interface Signer {
  readonly name: Name;
  readonly keyId: ArrayBuffer;
  readonly key: KeyObject;
}

/** A CA with a key of its own, and a name that no other one has. */
export async function makeAuthority(kind: KeyKind, period: Period): Promise<Pair> {
  const { publicKey: spki, privateKey: key } = await keysOf(kind);
  const publicKey = infoOf(spki);
  const keyId = keyIdOf(publicKey);
  const name = nameOf(`Tentacle CA ${Buffer.from(keyId).toString('hex', 0, 4)}`);
  const extensions = [
    // It signs servers and clients, but no further CA.
    extension(id_ce_basicConstraints, new BasicConstraints({ cA: true, pathLenConstraint: 0 }), true),
    extension(id_ce_keyUsage, usage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign), true),
  ];
  const certificate = issue({ subject: name, publicKey, extensions, ...period }, { name, keyId, key });
  return { certificate, key };
}

/** A certificate that a CA signs, with a key of the CA's kind. */
export async function makeLeaf(authority: Pair, leaf: Leaf): Promise<Pair> {
  const kind = kindOf(authority.key);
  const { publicKey, privateKey: key } = await keysOf(kind);
  const { tbsCertificate: ca } = AsnConvert.parse(authority.certificate.raw, Certificate);
  const isServer = leaf.use === 'server and client';
  const encipherment = kind === 'rsa' ? KeyUsageFlags.keyEncipherment : 0;
  const purposes = [...(isServer ? [id_kp_serverAuth] : []), id_kp_clientAuth];
  const extensions = [
    extension(id_ce_basicConstraints, new BasicConstraints(), true),
    extension(id_ce_keyUsage, usage(KeyUsageFlags.digitalSignature | encipherment), true),
    extension(id_ce_extKeyUsage, new ExtendedKeyUsage(purposes)),
    ...(leaf.alternativeNames.length === 0 ? [] : [alternativeNames(leaf.alternativeNames)]),
  ];
  const { from, until } = leaf;
  const content = { subject: nameOf(leaf.name), publicKey: infoOf(publicKey), extensions, from, until };
  const certificate = issue(content, { name: ca.subject, keyId: ownKeyId(ca), key: authority.key });
  if (!certificate.checkIssued(authority.certificate) || !certificate.verify(authority.certificate.publicKey))
    throw new Error('what was made does not fit the CA');
  return { certificate, key };
}

/**
 * The kind of a key.
 * @throws SyntaxError for one that is neither RSA nor ECDSA
 */
export function kindOf(key: KeyObject): KeyKind {
  if (key.asymmetricKeyType === 'rsa' || key.asymmetricKeyType === 'ec') return key.asymmetricKeyType;
  throw new SyntaxError(`is a key of ${key.asymmetricKeyType ?? 'no known kind'}, not of RSA or ECDSA`);
}

function keysOf(kind: KeyKind): ReturnType<typeof makeKeys> {
  return makeKeys(kind, kind === 'rsa' ? { modulusLength: 2048 } : { namedCurve: 'P-256' });
}

function issue({ subject, publicKey, extensions, from, until }: Content, signer: Signer): X509Certificate {
  const signatureAlgorithm = SIGNATURES[kindOf(signer.key)];
  const keyIdentifier = new SubjectKeyIdentifier(signer.keyId);
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: serialNumber(),
    signature: signatureAlgorithm,
    issuer: signer.name,
    validity: new Validity({ notBefore: new Date(from), notAfter: new Date(until) }),
    subject,
    subjectPublicKeyInfo: publicKey,
    extensions: new Extensions([
      ...extensions,
      extension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(keyIdOf(publicKey))),
      extension(id_ce_authorityKeyIdentifier, new AuthorityKeyIdentifier({ keyIdentifier })),
    ]),
  });
  const signed = sign('sha256', Buffer.from(AsnConvert.serialize(tbsCertificate)), signer.key);
  const certificate = new Certificate({ tbsCertificate, signatureAlgorithm, signatureValue: bytes(signed) });
  return new X509Certificate(Buffer.from(AsnConvert.serialize(certificate)));
}

/** RFC 5280, 4.1.2.2: positive, at most 20 bytes; nobody can guess it. Its first byte needs no other in front of it. */
function serialNumber(): ArrayBuffer {
  const random = randomBytes(16);
  random[0] = ((random[0] ?? 0) & 0x3f) | 0x40;
  return bytes(random);
}

function nameOf(commonName: string): Name {
  const value = new AttributeValue({ utf8String: commonName });
  return new Name([new RelativeDistinguishedName([new AttributeTypeAndValue({ type: COMMON_NAME, value })])]);
}

function infoOf(publicKey: KeyObject): SubjectPublicKeyInfo {
  return AsnConvert.parse(publicKey.export({ type: 'spki', format: 'der' }), SubjectPublicKeyInfo);
}

/** RFC 7093, 2, method 1. */
function keyIdOf({ subjectPublicKey }: SubjectPublicKeyInfo): ArrayBuffer {
  return bytes(createHash('sha256').update(Buffer.from(subjectPublicKey)).digest().subarray(0, 20));
}

/** The one that a CA calls its own; other programs reckon it otherwise. */
function ownKeyId({ extensions, subjectPublicKeyInfo }: TBSCertificate): ArrayBuffer {
  const found = extensions?.find(({ extnID }) => extnID === id_ce_subjectKeyIdentifier);
  if (found === undefined) return keyIdOf(subjectPublicKeyInfo);
  return AsnConvert.parse(found.extnValue.buffer, SubjectKeyIdentifier).buffer;
}

function alternativeNames(names: readonly string[]): Extension {
  const general = names.map((name) =>
    isIP(name) === 0
      ? new GeneralName({ dNSName: name })
      : new GeneralName({ iPAddress: ipaddr.parse(name).toNormalizedString() }),
  );
  return extension(id_ce_subjectAltName, new SubjectAlternativeName(general));
}

function usage(flags: number): KeyUsage {
  return new KeyUsage(flags);
}

function extension(extnID: string, value: unknown, critical = false): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });
}

function bytes(buffer: Buffer): ArrayBuffer {
  return new Uint8Array(buffer).buffer;
}
