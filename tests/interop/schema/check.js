// The JSON Schema of `bailey schema` as an editor uses it: a validator and a YAML reader that are not
// ours. Every example is taken. Of the corpus of wrong files every one is refused, except those that
// no schema can tell: they are listed here by name, so that a schema that grows weaker is noticed.
'use strict';
const fs = require('fs');
const path = require('path');
const Ajv = require('ajv/dist/2020');
const yaml = require('yaml');

const [source, file] = process.argv.slice(2);
const schema = JSON.parse(fs.readFileSync(file, 'utf8'));
const ajv = new Ajv({strict: true, strictRequired: false, strictTypes: false, allErrors: true});
const valid = ajv.compile(schema);

// What only the reader of YAML or the whole object shows.
const BEYOND = new Set(fs.readFileSync(path.join(source, 'tests/interop/schema/beyond.txt'), 'utf8')
  .split('\n').filter(line => line !== '' && !line.startsWith('#')));

function documents(text) {
  const all = yaml.parseAllDocuments(text);
  if (!Array.isArray(all) || all.length === 0 || all.some(d => d.errors.length > 0)) return null;
  return all.map(d => d.toJS());
}

let failed = 0;
function wrong(what) {
  console.error(what);
  failed++;
}

const examples = path.join(source, 'docs/examples');
let taken = 0, refused = 0, beyond = 0;
for (const name of fs.readdirSync(examples).filter(n => n.endsWith('.yaml')))
  for (const object of documents(fs.readFileSync(path.join(examples, name), 'utf8')) || [null]) {
    taken++;
    if (!valid(object)) wrong(`${name}: refused: ${ajv.errorsText(valid.errors)}`);
  }

const corpus = fs.readFileSync(path.join(source, 'tests/golden/yaml/wrong.txt'), 'utf8');
for (const entry of corpus.split(/^=== /m).slice(1)) {
  const name = entry.slice(0, entry.indexOf('\n'));
  const text = entry.slice(entry.indexOf('\n') + 1, entry.indexOf('--- said\n'));
  let objects = null;
  try {
    objects = documents(text);
  } catch (e) {
    objects = null;
  }
  const bad = objects === null || objects.some(o => !valid(o));
  if (bad === BEYOND.has(name))
    wrong(`${name}: ${bad ? 'refused, and listed as beyond a schema' : 'taken'}`);
  if (bad) refused++;
  else beyond++;
}
for (const name of BEYOND)
  if (!corpus.includes(`=== ${name}\n`)) wrong(`${name}: is not in the corpus`);
console.log(`${taken} taken, ${refused} refused, ${beyond} beyond a schema, ${failed} wrong`);
process.exit(failed === 0 && taken > 5 && refused > 100 ? 0 : 1);
