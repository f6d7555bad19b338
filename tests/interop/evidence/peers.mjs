// @phala/dcap-qvl and our verifier on the same quotes and collateral: simulated, and real where
// BAILEY_VECTORS names a folder. Every disagreement must be one that is explained below.
//
// Usage: node peers.mjs BAILEY EVIDENCE_MAKE WORK_DIR [TABLE.md]
// TABLE.md: where to write the disagreements as a table.

import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import dcap from '@phala/dcap-qvl';

const [bailey, make, work, table] = process.argv.slice(2);
const vectors = process.env.BAILEY_VECTORS ?? '';
const SIMULATED_NOW = 1795000000; // 2026-11-18

// Each disagreement that is known: which cases, who is right by the vendor's text, and why. The
// first that fits a case explains it. `ours` and `peer` are verdicts: a status, or "refused: ...".
const explained = [
  { id: 'crl-date', right: 'Bailey',
    fits: (c) => /defect=expired-crl/.test(c.told),
    why: 'revocation lists past their nextUpdate: RFC 5280, 6.3.3, wants a current list; the peer looks for serials only' },
  { id: 'crl-signature', right: 'Bailey',
    fits: (c) => /defect=foreign-crl/.test(c.told),
    why: 'a revocation list that its issuer did not sign: RFC 5280, 6.3.3 (g); the peer does not check the signature' },
  { id: 'pceid', right: 'Bailey',
    fits: (c) => /defect=wrong-pceid/.test(c.told),
    why: 'PCE-ID of the PCK and of TCB Info differ: Intel\'s QVL refuses (TCB_INFO_MISMATCH); the peer compares the FMSPC only' },
  { id: 'qe-vendor', right: 'Bailey',
    fits: (c) => /defect=wrong-qe-vendor/.test(c.told),
    why: 'the header names another vendor\'s quoting enclave, whose identity Intel\'s collateral cannot be about; the peer does not look' },
  { id: 'module', right: 'Bailey',
    fits: (c) => /defect=(module-mismatch|unknown-module|old-module)/.test(c.told),
    why: 'the TDX module\'s identity and level (tdxModuleIdentities of TCB Info v3), which Intel\'s QVL evaluates and merges; the peer leaves them out' },
  { id: 'relaunch', right: 'Bailey',
    fits: (c) => /defect=relaunch-advised/.test(c.told),
    why: 'TEE_TCB_SVN_2 is newer than TEE_TCB_SVN: Intel\'s QVL says TdRelaunchAdvised; the peer does not read TEE_TCB_SVN_2' },
  { id: 'trailing', right: 'Bailey',
    fits: (c) => /defect=trailing/.test(c.told),
    why: 'bytes after the quote, which nothing signs: the peer leaves them unread' },
  { id: 'revoked', right: 'both',
    fits: (c) => c.ours === 'Revoked' && c.peer.startsWith('refused'),
    why: 'TCB status Revoked: a status here, which the trust rules judge; the peer throws' },
  { id: 'policy-migratable', right: 'both',
    fits: (c) => /defect=migratable/.test(c.told) && c.peer.startsWith('refused'),
    why: 'MIGRATABLE (bit 29, TDX 1.5): a finding here, on which rules may decide; the peer refuses the bit as reserved' },
  { id: 'policy-sept', right: 'both',
    fits: (c) => c.peer === 'refused: SEPT_VE_DISABLE is not enabled' && !c.ours.startsWith('refused'),
    why: 'SEPT_VE_DISABLE clear: a finding here; the peer has the policy built in' },
  { id: 'module-index', right: 'Bailey',
    fits: (c) => c.real && c.technology === 'tdx' && !c.ours.startsWith('refused') &&
      (!c.peer.startsWith('refused') || c.peer === 'refused: No matching TCB level found'),
    why: 'TEE_TCB_SVN is compared from component 2 on where component 1 is not 0 (Intel\'s QVL, EvaluateTcb), and the module\'s own level counts; the peer compares all 16 and leaves the module out' },
];

// The inner object as it was signed, and its signature.
function signed(folder, file, key) {
  const text = readFileSync(join(folder, file), 'utf8');
  const from = text.indexOf(`"${key}":`) + key.length + 3, to = text.lastIndexOf(',"signature"');
  const first = text.indexOf('"signature"') < from; // a few captures have it in front
  return first ? [text.slice(from, text.lastIndexOf('}')), JSON.parse(text).signature]
               : [text.slice(from, to), JSON.parse(text).signature];
}

function optional(folder, file) {
  return existsSync(join(folder, file)) ? readFileSync(join(folder, file)) : Buffer.alloc(0);
}

function phala(c) {
  const folder = c.collateral;
  const [info, infoSignature] = signed(folder, 'tcb_info.json', 'tcbInfo');
  const [identity, identitySignature] = signed(folder, 'qe_identity.json', 'enclaveIdentity');
  const chain = readFileSync(join(folder, 'tcb_signing_chain.pem'), 'utf8');
  const collateral = {
    tcb_info: info, tcb_info_signature: infoSignature, tcb_info_issuer_chain: chain,
    qe_identity: identity, qe_identity_signature: identitySignature, qe_identity_issuer_chain: chain,
    root_ca_crl: optional(folder, 'root_ca_crl.der'), pck_crl: optional(folder, 'pck_crl.der'),
  };
  const verifier = c.root ? dcap.QuoteVerifier.newWithRootCa(c.root) : dcap.QuoteVerifier.newProd();
  const got = verifier.verify(readFileSync(join(c.folder, 'quote.bin')), collateral, c.now);
  return { verdict: got.status, advisories: [...got.advisory_ids].sort() };
}

function peerVerdict(c) {
  try {
    return phala(c);
  } catch (e) {
    return { verdict: `refused: ${e.message}`, advisories: [] };
  }
}

// One process for many paths of one time: starting it costs more than verifying.
const PATHS = 32;

async function run(argv) {
  const { stdout } = await promisify(execFile)(bailey, argv, { maxBuffer: 1 << 26 }).catch((e) => {
    if (e.code !== 6)
      throw new Error(`${bailey} ${argv.join(' ')}: ${e.stderr}`);
    return e;
  });
  return stdout;
}

// A guest that its host may debug is verified by the tool, which looks, and refused by controllers.
function verdictOf(got) {
  if (got.verdict === 'refused')
    return { verdict: `refused: ${got.reason}`, advisories: [] };
  if (got.debug)
    return { verdict: 'refused: debug', advisories: [] };
  return { verdict: got.tcbStatus, advisories: [...got.advisories].sort() };
}

async function ourVerdicts(batch) {
  const { now, real, collateral, folder } = batch[0];
  const argv = ['evidence', 'verify', ...batch.map((c) => c.folder), '--at', new Date(now * 1000).toISOString().replace('.000', ''), '-o', 'json'];
  if (!real)
    argv.push('--allow-simulated');
  if (collateral !== folder)
    argv.push('--collateral', collateral);
  const text = await run(argv);
  const said = batch.length === 1 ? [JSON.parse(text)] : text.trim().split('\n').map((line) => JSON.parse(line));
  if (said.length !== batch.length || said.some((x, i) => batch.length > 1 && x.path !== batch[i].folder))
    throw new Error(`${batch.length} paths, ${said.length} verdicts`);
  return said.map(verdictOf);
}

function simulated() {
  const folder = join(work, 'cases');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  execFileSync(make, [folder, String(SIMULATED_NOW)]);
  const root = new X509Certificate(readFileSync(join(folder, 'root.pem'))).raw;
  return readFileSync(join(folder, 'cases.tsv'), 'utf8').trim().split('\n').map((line) => {
    const [name, technology, told] = line.split('\t');
    return { folder: join(folder, name), collateral: join(folder, name), technology, told, real: false, now: SIMULATED_NOW, root };
  });
}

function real() {
  const list = join(vectors, 'expected.tsv');
  if (vectors === '' || !existsSync(list)) {
    console.log('no real evidence here (BAILEY_VECTORS)');
    return [];
  }
  const cases = [];
  for (const line of readFileSync(list, 'utf8').trim().split('\n')) {
    const [path, kind, , , , at] = line.split('\t');
    const now = Date.parse(at) / 1000;
    if (/^(tdx|sgx)-quote\+collateral$/.test(kind))
      cases.push({ folder: join(vectors, path, '..'), collateral: join(vectors, path), technology: kind.slice(0, 3), told: path, real: true, now });
  }
  return cases;
}

const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);

function compare(c, ours) {
  const peer = peerVerdict(c);
  c.ours = ours.verdict;
  c.peer = peer.verdict;
  c.refused = c.ours.startsWith('refused');
  c.agree = c.refused && c.peer.startsWith('refused') ||
    c.ours === c.peer && same(ours.advisories, peer.advisories);
  if (!c.agree && c.ours === c.peer)
    c.ours += ` [${ours.advisories}]`, c.peer += ` [${peer.advisories}]`;
  c.because = c.agree ? undefined : explained.find((x) => x.fits(c));
}

// What is judged at one time with its own collateral goes together; the rest one by one.
function batches(cases) {
  const own = cases.filter((c) => !c.real && c.collateral === c.folder), out = [];
  for (let i = 0; i < own.length; i += PATHS)
    out.push(own.slice(i, i + PATHS));
  return [...out, ...cases.filter((c) => !own.includes(c)).map((c) => [c])];
}

async function all(cases, width) {
  const queue = batches(cases);
  await Promise.all(Array.from({ length: width }, async () => {
    for (let batch = queue.shift(); batch !== undefined; batch = queue.shift()) {
      const ours = await ourVerdicts(batch);
      batch.forEach((c, i) => compare(c, ours[i]));
    }
  }));
}

function markdown(cases) {
  let out = '';
  for (const x of explained) {
    const hit = cases.filter((c) => c.because === x);
    if (hit.length === 0)
      continue;
    const shown = hit.find((c) => c.real) ?? hit[0];
    out += `| ${hit.length} (${hit.filter((c) => c.real).length} real) | ${shown.ours.replace(/ \[.*/, '')} | ${shown.peer.replace(/ \[.*/, '')} | ${x.right} | ${x.why} |\n`;
  }
  return out;
}

const cases = [...simulated(), ...real()];
await all(cases, 2);
for (const [name, of] of [['simulated', cases.filter((c) => !c.real)], ['real', cases.filter((c) => c.real)]])
  for (const technology of ['tdx', 'sgx']) {
    const some = of.filter((c) => c.technology === technology);
    if (some.length > 0)
      console.log(`${name} ${technology}: ${some.length} cases, ${some.filter((c) => c.refused).length} refused by Bailey; ` +
        `${some.filter((c) => c.agree).length} agree, ${some.filter((c) => c.because).length} disagree as explained`);
  }
for (const x of explained) {
  const hit = cases.filter((c) => c.because === x);
  if (hit.length > 0)
    console.log(`- ${x.id}: ${hit.length} (${hit[0].ours} / ${hit[0].peer}); right: ${x.right}: ${x.why}`);
}
if (table)
  writeFileSync(table, markdown(cases));
const open = cases.filter((c) => !c.agree && !c.because);
for (const c of open)
  console.log(`NOT EXPLAINED ${c.technology} ${c.told}: Bailey says ${c.ours}, the peer says ${c.peer}`);
const sound = cases.filter((c) => !c.real && c.told.endsWith('defect=none'));
if (sound.length === 0 || !sound.every((c) => c.agree && !c.refused)) {
  console.log('sound simulated evidence was not accepted by both');
  process.exit(1);
}
process.exit(open.length === 0 ? 0 : 1);
