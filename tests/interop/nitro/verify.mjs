// What @0xsequence/tee-verifier says of the documents that documents.c prints, beside what we say.
// Disagreements have to be among those below, each with its reason by AWS's text; see
// docs/verification-peers.md.
import { execFileSync } from 'node:child_process';
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;
globalThis.window = globalThis; // the package is made for browsers

const { SignedAttestation } = await import('@0xsequence/tee-verifier');

// our reason -> why the other one may accept what we refuse
const explained = {
  'nitro.digest': 'AWS asks for SHA384; the other one does not read the field',
  'nitro.unknown-field': 'AWS names the fields; the other one does not look for others',
  'nitro.algorithm': 'AWS asks for ES384 in the header; the other one does not read it',
  'nitro.pcr': 'AWS asks for sizes of the digest; the other one takes any',
  'nitro.timestamp': 'a document of tomorrow; the other one does not read the time',
  'cbor.duplicate-key': 'RFC 8949, 5.6 calls it invalid; the other one keeps the last',
  'cert.shape': 'AWS asks for CA:FALSE in the leaf, and path lengths; the other one misses some',
};

async function theirs(d) {
  try {
    const a = SignedAttestation.fromDocument(d.document);
    if (!(await a.verifyRootOfTrust(new Date(d.at * 1000)))) return 'chain';
    if ((await a.rootCertFingerprint()) !== d.root) return 'root';
    if (!(await a.verifySignature())) return 'signature';
    return 'valid';
  } catch (e) {
    return `error: ${e.message.slice(0, 60)}`;
  }
}

const documents = JSON.parse(execFileSync(process.argv[2], { maxBuffer: 64 << 20 }));
let agree = 0, known = 0, wrong = 0;

for (const d of documents) {
  const other = await theirs(d);
  const same = (d.ours === 'valid') === (other === 'valid');

  if (same) {
    agree++;
    continue;
  }
  const why = d.ours !== 'valid' && explained[d.ours];
  console.log(`${why ? 'explained' : 'UNEXPLAINED'}: ${d.name}: ours ${d.ours}, theirs ${other}` +
    (why ? ` (${why})` : ''));
  why ? known++ : wrong++;
}
console.log(`${documents.length} documents: ${agree} agree, ${known} disagreements explained, ` +
  `${wrong} not`);
process.exit(wrong === 0 && documents.length >= 54 ? 0 : 1);
